"""The resources that an update of a stack takes away, by CloudFormation's rules, and executions' needs then.

Executions that are under way, and failed ones that can be redriven for 14 days, continue with the definition
that they began with: everything that it names, and that this names in turn, must outlive every update. Which
property replaces a resource is CloudFormation's own data (its resource schemas, by way of cfn-lint).
tests/previous holds the template and the machines of the release before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from tests.aws_grants import ROOT, Need, Stack

from stepherd.errors import ConfigurationError
from stepherd.services.template_text import read_template

NOW = (ROOT / "template.yaml").read_text()
BEFORE = (ROOT / "tests" / "previous" / "template.yaml").read_text()
MACHINES = ("PipelineStateMachine", "LoginStateMachine", "KeepStateMachine")
PLAIN = {
    "AWS::Serverless::Function": "AWS::Lambda::Function",
    "AWS::Serverless::StateMachine": "AWS::StepFunctions::StateMachine",
}
NAMES = {"Name": "StateMachineName", "Type": "StateMachineType"}
"""SAM's names for properties of a state machine."""
DEFINITION = "arn:aws:ecs:us-east-1:123456789012:task-definition/stepherd-"
REVISION_1, REVISION_2 = (
    {"GitTaskDefinition": f"{DEFINITION}git:{n}", "AgentTaskDefinition": f"{DEFINITION}agent:{n}"}
    for n in (1, 2)
)


def stack(text: str, parameters: Mapping[str, str] | None = None, **names: str) -> Stack:
    template = read_template(text, "template.yaml")
    return Stack(template, dict(parameters or {}), {"Bucket": "bucket", **names})


def there(of: Stack) -> dict[str, Mapping[str, Any]]:
    """The resources that the conditions want."""
    return {
        name: each
        for name, each in of.resources.items()
        if "Condition" not in each or of._resolver.condition(each["Condition"])
    }


@cache
def replacing(kind: str) -> tuple[str, ...]:
    """The properties of a type that can be given at its creation alone."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return tuple(path.split("/")[2] for path in schema.get("createOnlyProperties", []))


def replaced(old: Stack, new: Stack) -> Iterator[str]:
    """The resources that CloudFormation replaces, or takes away."""
    resources = there(new)
    for name, before in there(old).items():
        after = resources.get(name)
        if after is None or after["Type"] != before["Type"]:
            yield name
        elif before["Type"] != "AWS::Serverless::LayerVersion":  # Functions hold what they need of one.
            kind = PLAIN.get(before["Type"], before["Type"])
            if kind.startswith("AWS::Serverless::"):
                continue  # The API: nothing that an execution names is below it.
            mine, theirs = (_given(of, each, kind) for of, each in ((old, before), (new, after)))
            if mine != theirs:
                yield name


def _given(of: Stack, resource: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The properties of a resource that would replace it, resolved where that can be done here."""
    given = {NAMES.get(name, name): value for name, value in resource.get("Properties", {}).items()}
    return {name: _value(of, given[name]) for name in replacing(kind) if name in given}


def _value(of: Stack, node: Any) -> Any:
    try:
        return of.value(node)
    except ConfigurationError:
        return node  # Zones of a region, for one: the same text means the same.


def needed(of: Stack) -> set[str]:
    """All that an execution names, and what that names in turn."""
    resources, found = there(of), set()
    waiting = list(MACHINES)
    while waiting:
        name = waiting.pop()
        if name not in found and name in resources:
            found.add(name)
            waiting += _named(resources[name].get("Properties"), resources)
    return found


def _named(node: Any, resources: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _named(item, resources)
    elif isinstance(node, dict):
        for key, value in node.items():
            text = str(value)
            if key == "Ref":
                yield text
            elif key == "Fn::GetAtt":
                yield str(value[0])
            elif key == "Fn::Sub":
                yield from (name for name in resources if f"${{{name}}}" in text or f"${{{name}." in text)
            if key not in ("Ref", "Fn::GetAtt"):
                yield from _named(value, resources)


def taken_away(old: Stack, new: Stack) -> list[str]:
    """The resources that an execution of the old stack names and the update does not leave."""
    resources, kept = there(new), []
    for name in needed(old) & set(replaced(old, new)):
        if old.resources[name]["Type"] == "AWS::IAM::ManagedPolicy":
            continue  # Functions are the new ones at once, with the roles and policies that these need.
        policy = (resources[name] if name in resources else old.resources[name]).get(
            "UpdateReplacePolicy" if name in resources else "DeletionPolicy", "Delete"
        )
        if policy != "Retain":
            kept.append(name)
    return sorted(kept)


UPDATES: Mapping[str, Mapping[str, str]] = {
    "images": {"GitImage": "h.example/git:2", "AgentImage": "h.example/agent:2"},
    "size": {"AgentCpu": "4096", "AgentMemory": "16384"},
    "architecture": {"Architecture": "X86_64"},
    "capacity": {"AgentCapacity": "FARGATE_SPOT"},
    "secrets": {"AgentCredentialsSecretId": "agents", "GitCredentialsSecretId": "git"},
    "mail": {"LoginEmail": "ada@example.com"},
    "retention": {"LogRetentionDays": "7", "RunRetentionDays": "7"},
    "database": {"LoginDatabaseUri": "s3://elsewhere/q/data.sqlite3"},
    "login secret": {"AmazonQCredentialsSecretId": ""},
    "key": {"SecretsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1"},
    "disk and git": {"AgentDisk": "50", "GitDisk": "50", "GitCpu": "1024", "GitMemory": "2048"},
    "ports": {"GitHttpsPort": "8443", "GitSshPort": "7999"},
    "buckets": {"InstructionBuckets": "arn:aws:s3:::specifications"},
    "defaults": {"DefaultAgent": "", "DefaultRepo": "https://h.example/r", "ApiRequestsPerSecond": "5"},
    "user": {"AgentUser": "worker"},
    "public": {"AssignPublicIp": "DISABLED"},
    "subscribers": {"LoginSubscribers": "UNCHECKED"},
}
_ENDS_RUNS = {"SubnetIds", "SecurityGroupIds", "LoginTopicArn", "LoginTopicKeyArn"}
"""Parameters that must not change during runs, by the documentation; Architecture takes nothing away."""
_OF_A_LAPTOP = {"StoreUri", "RequestSecrets"}


def test_every_parameter_of_the_template_is_changed_by_an_update_here() -> None:
    changed = {name for change in UPDATES.values() for name in change}
    assert changed | _ENDS_RUNS | _OF_A_LAPTOP == set(read_template(NOW, "template.yaml")["Parameters"])


@pytest.mark.parametrize("change", UPDATES)
def test_an_update_takes_nothing_away_that_an_execution_names(change: str) -> None:
    assert taken_away(stack(NOW), stack(NOW, UPDATES[change])) == []


def test_the_update_from_the_release_before_takes_nothing_away() -> None:
    old, new = stack(BEFORE), stack(NOW)
    assert {"GitTaskDefinition", "AgentTaskDefinition"} <= needed(old) & set(replaced(old, new))
    assert taken_away(old, new) == []


def test_without_its_policy_a_task_definition_is_missed() -> None:
    policy, rest = "    UpdateReplacePolicy: Retain\n", "    Properties:\n      Family"
    poorer = NOW.replace(policy + rest, rest)
    assert poorer.count("UpdateReplacePolicy") == NOW.count("UpdateReplacePolicy") - 2
    found = taken_away(stack(NOW), stack(poorer, UPDATES["images"]))
    assert found == ["AgentTaskDefinition", "GitTaskDefinition"]


def test_what_a_change_of_the_network_takes_away_is_what_the_documentation_says() -> None:
    """A run that is under way could not start its next task: init says so, and the docs."""
    own = {"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}
    assert set(taken_away(stack(NOW), stack(NOW, own))) == {"SubnetA", "SubnetB", "TaskSecurityGroup", "Vpc"}
    text = " ".join((ROOT / "docs" / "how-to-deploy.md").read_text().split())
    (sentence,) = re.findall(r"While runs are under way, do not change ([^:.]+)[:.]", text)
    assert set(re.findall(r"`(\w+)`", sentence)) == {*_ENDS_RUNS, "Architecture"} - {"LoginTopicKeyArn"}


def test_another_topic_takes_away_the_one_that_a_waiting_login_publishes_to() -> None:
    theirs = {"LoginTopicArn": "arn:aws:sns:us-east-1:123456789012:ours"}
    assert taken_away(stack(NOW), stack(NOW, theirs)) == ["LoginTopic"]


def test_the_role_of_the_pipeline_starts_the_tasks_of_executions_of_before() -> None:
    new = stack(NOW, **REVISION_2)
    context = {"ecs:cluster": new.attribute("Cluster", "Arn")}
    for revisions in (REVISION_1, REVISION_2):
        for definition in revisions.values():
            assert new.allows("PipelineRole", Need("ecs:RunTask", definition, context))


def test_images_outlive_the_two_weeks_in_which_a_run_can_be_redriven() -> None:
    text = stack(NOW).resources["ImageRepository"]["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"]
    kept = [rule for rule in json.loads(text)["rules"] if rule["selection"]["tagStatus"] == "tagged"]
    assert {rule["selection"]["countNumber"] for rule in kept} == {30}
    assert {rule["selection"]["countType"] for rule in kept} == {"imageCountMoreThan"}
