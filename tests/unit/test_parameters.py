"""The values of the template's parameters: its rules, as CloudFormation judges them, and their effects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from tests.aws_grants import ROOT, Need, Stack

from stepherd.services.template_text import read_template

TEMPLATE = read_template((ROOT / "template.yaml").read_text(), "template.yaml")
FARGATE = {
    256: {512, 1024, 2048},
    512: {1024 * n for n in range(1, 5)},
    1024: {1024 * n for n in range(2, 9)},
    2048: {1024 * n for n in range(4, 17)},
    4096: {1024 * n for n in range(8, 31)},
    8192: {1024 * n for n in range(16, 61, 4)},
    16384: {1024 * n for n in range(32, 121, 8)},
}
"""CPU units → MiB: ECS developer guide, "Task definition parameters for Fargate", written down again here."""


def stack(**parameters: str) -> Stack:
    return Stack(TEMPLATE, parameters, {"Bucket": "bucket"})


def refusals(**parameters: str) -> list[str]:
    """CloudFormation's objections to these values before it makes anything."""
    of, said = stack(**parameters), []
    for rule in TEMPLATE["Rules"].values():
        if "RuleCondition" in rule and not of._resolver.condition(rule["RuleCondition"]):
            continue
        said += [each["AssertDescription"] for each in rule["Assertions"] if not _holds(of, each["Assert"])]
    return said


def _holds(of: Stack, assertion: Mapping[str, Any]) -> bool:
    if "Fn::Contains" in assertion:
        values, value = of.value(assertion["Fn::Contains"])
        return value in values
    return of._resolver.condition(assertion)


def test_the_defaults_are_acceptable() -> None:
    assert refusals() == []


@pytest.mark.parametrize("task", ["Agent", "Git"])
def test_cpu_and_memory_are_a_pair_that_fargate_has(task: str) -> None:
    """Every pair: one that is allowed wrongly is found nowhere else before a stack rolls back."""
    for cpu in map(int, TEMPLATE["Parameters"][f"{task}Cpu"]["AllowedValues"]):
        said = {
            memory: refusals(**{f"{task}Cpu": str(cpu), f"{task}Memory": str(memory)})
            for memory in [*range(512, 125_000, 512), 1000, 4097]
        }
        assert {memory for memory, words in said.items() if not words} == FARGATE[cpu]
        assert all(f"{cpu} CPU units" in words for each in said.values() for words in each)


def test_what_is_for_an_engine_on_a_laptop_is_refused_in_an_account() -> None:
    assert refusals(StoreUri="s3://elsewhere/runs") == [
        "StoreUri is for an engine on a laptop. A stack keeps runs in its own bucket."
    ]
    assert len(refusals(RequestSecrets="ANY")) == 1


@pytest.mark.parametrize("role", ["PrepareRunFunction", "ApiFunction"])
def test_instructions_of_other_buckets_are_read_where_the_stack_names_them(role: str) -> None:
    buckets = ["arn:aws:s3:::specifications", "arn:aws:s3:::more.of-them"]
    of = stack(InstructionBuckets=",".join(buckets))
    for bucket in buckets:
        assert of.allows(role, Need("s3:GetObject", f"{bucket}/team/instructions.md"))
        assert of.allows(role, Need("s3:ListBucket", bucket, {"s3:prefix": "team/"}))
        assert not of.allows(role, Need("s3:PutObject", f"{bucket}/team/instructions.md"))
    for other in ("arn:aws:s3:::specifications-of-others", "arn:aws:s3:::other"):
        assert not of.allows(role, Need("s3:GetObject", f"{other}/key"))
    assert not stack().allows(role, Need("s3:GetObject", f"{buckets[0]}/team/instructions.md"))


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("InstructionBuckets", "arn:aws:s3:::a-bucket,arn:aws-cn:s3:::b.ucket", True),
        ("InstructionBuckets", "a-bucket", False),
        ("InstructionBuckets", "arn:aws:s3:::a-bucket/*", False),
        ("InstructionBuckets", "arn:aws:s3:::a, arn:aws:s3:::b", False),
        ("SecretsKeyArn", "arn:aws:kms:eu-west-1:123456789012:key/1", True),
        ("SecretsKeyArn", "alias/mine", False),
    ],
)
def test_a_value_of_another_form_is_refused(name: str, value: str, good: bool) -> None:
    assert bool(re.fullmatch(TEMPLATE["Parameters"][name]["AllowedPattern"], value)) is good


def test_a_stack_may_ask_for_logins_on_a_topic_that_is_there() -> None:
    topic, key = "arn:aws:sns:us-east-1:123456789012:ours", "arn:aws:kms:us-east-1:123456789012:key/1"
    of = stack(LoginTopicArn=topic, LoginTopicKeyArn=key)
    assert not of._resolver.condition(TEMPLATE["Resources"]["LoginTopic"]["Condition"])
    text = str(
        of.value({name: each for name, each in TEMPLATE["Outputs"].items() if name == "LoginTopicArn"})
    )
    assert topic in text
    machine = of.value(TEMPLATE["Resources"]["LoginStateMachine"]["Properties"]["DefinitionSubstitutions"])
    assert machine["LoginTopicArn"] == topic
    assert of.allows("LoginRole", Need("sns:Publish", topic))
    assert of.allows("StartLoginFunction", Need("sns:ListSubscriptionsByTopic", topic))
    through = {"kms:ViaService": "sns.us-east-1.amazonaws.com"}
    for action in ("kms:GenerateDataKey", "kms:Decrypt"):
        assert of.allows("LoginRole", Need(action, key, through))
        assert not of.allows("LoginRole", Need(action, key))
    assert not stack().allows("LoginRole", Need("sns:Publish", topic))
    # Nothing else refers to a topic that is not there.
    for name, each in TEMPLATE["Resources"].items():
        wanted = "Condition" not in each or of._resolver.condition(each["Condition"])
        if wanted and name not in ("SubnetA", "SubnetB"):
            assert "'Ref': 'LoginTopic'" not in str(_refs(of, each.get("Properties", {}))), name


def _refs(of: Stack, node: Any) -> Any:
    """The references of a node, without the branches of Fn::If that are not taken."""
    if isinstance(node, list):
        return [_refs(of, item) for item in node]
    if isinstance(node, dict):
        if "Fn::If" in node:
            name, yes, no = node["Fn::If"]
            return _refs(of, yes if of._resolver.condition(name) else no)
        return {key: _refs(of, value) for key, value in node.items()}
    return node


def test_every_log_is_kept_for_the_days_that_are_asked_for() -> None:
    of = stack(LogRetentionDays="7")
    groups = {
        name: of.value(each["Properties"]["RetentionInDays"]) for name, each in TEMPLATE["Resources"].items()
        if each["Type"] == "AWS::Logs::LogGroup"
    }  # fmt: skip
    assert len(groups) > 10
    assert set(groups.values()) == {"7"}
    # AND no function writes to a group that Lambda would make, which nothing expires
    functions = [
        n for n, each in TEMPLATE["Resources"].items() if each["Type"] == "AWS::Serverless::Function"
    ]
    named = {TEMPLATE["Resources"][name]["Properties"]["LogGroupName"]["Fn::Sub"] for name in groups}
    assert [name for name in functions if f"/aws/lambda/${{{name}}}" not in named] == []


def test_two_stacks_of_a_region_have_metrics_and_alarms_of_their_own() -> None:
    """Both ways: what a function counts, and what alarm and dashboard look at, has the stack's name."""
    found = {}
    for name in ("stepherd", "stepherd-dev"):
        of = stack()
        of._resolver.pseudo["AWS::StackName"] = name
        variables = of.value(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
        alarms = [
            of.value(each["Properties"]) for each in TEMPLATE["Resources"].values()
            if each["Type"] == "AWS::CloudWatch::Alarm"
        ]  # fmt: skip
        own = [alarm["Dimensions"] for alarm in alarms if alarm["Namespace"] == "Stepherd"]
        dashboard = of.value(TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"])
        assert variables["POWERTOOLS_SERVICE_NAME"] == name
        assert own == [[{"Name": "service", "Value": name}]]
        assert f'"service", "{name}"' in dashboard
        machines = [alarm["Dimensions"][0]["Value"] for alarm in alarms if alarm["Namespace"] == "AWS/States"]
        found[name] = (own, dashboard, machines)
    assert found["stepherd"] != found["stepherd-dev"]
    for ours, others in zip(found["stepherd"], found["stepherd-dev"], strict=True):
        assert ours != others


def test_every_metric_that_an_alarm_or_the_dashboard_looks_at_is_counted_by_a_function() -> None:
    source = "".join(path.read_text() for path in (ROOT / "functions").glob("*/app.py"))
    counted = {
        name for line in re.findall(r"count\((.+)\)", source) for name in re.findall(r'"([A-Z]\w+)"', line)
    }
    text = (ROOT / "template.yaml").read_text()
    looked_at = set(re.findall(r"\bLogins(?:Asked|Approved|Unanswered|\w+ed)\b", text))
    assert counted == looked_at == {"LoginsAsked", "LoginsApproved", "LoginsUnanswered"}
    page = (ROOT / "docs" / "costs.md").read_text()
    assert f"{len(counted)} of our own, LoginsAsked, LoginsApproved, LoginsUnanswered" in page
    assert f"at most ${len(counted) * 0.3:.2f} a month" in page
