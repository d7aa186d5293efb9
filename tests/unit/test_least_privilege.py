"""The grants of template.yaml, as a reviewer reads them: no wildcards outside of a list, and no role for two.

The code's use of its grants is compared in tests/integration/privilege.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache

import pytest
from tests.aws_grants import FUNCTION, ROLE, ROOT, Grant, Need, Stack, listed
from tests.aws_states import LOGS, XRAY

from stepherd.services.template_text import read_template

TEMPLATE = (ROOT / "template.yaml").read_text()
MACHINE = "AWS::Serverless::StateMachine"

REVIEWED: Mapping[tuple[str, str, str], str] = {
    ("PipelineRole", LOGS, "*"): "Step Functions delivers logs through calls that know no resources.",
    ("PipelineRole", XRAY, "*"): "X-Ray's calls know no resources.",
    ("LoginRole", LOGS, "*"): "Step Functions delivers logs through calls that know no resources.",
    ("LoginRole", XRAY, "*"): "X-Ray's calls know no resources.",
    ("KeepRole", LOGS, "*"): "Step Functions delivers logs through calls that know no resources.",
    ("KeepRole", XRAY, "*"): "X-Ray's calls know no resources.",
    ("AwaitTasksFunction", "ecs:ListTasks", "*"): (
        "Tasks have no name before they are listed; the condition names the cluster."
    ),
    ("ImageBuildRole", "ecr:GetAuthorizationToken", "*"): (
        "A token is for a whole registry; what is pulled and pushed names the repository."
    ),
    ("StopLeftOverFunction", "ecs:ListTasks", "*"): (
        "Tasks have no name before they are listed; the condition names the cluster."
    ),
    ("PrepareRunFunction", "s3:GetObject", "bucket/*"): "Instructions may lie anywhere in the bucket.",
    ("InstructionBucketsPolicy", "s3:GetObject", "specifications/*"): (
        "Whoever deploys the stack has named the bucket as one of instructions."
    ),
    ("LoginStorePolicy", "s3:GetObject s3:PutObject", "elsewhere/*"): (
        "Lease and attempts lie beside the database of LoginDatabaseUri, whose folder cannot be cut out."
    ),
}
"""Wide resources: their holder (a role, or a policy that roles share), for which actions, and why."""

OF_AWS = {
    ("TaskExecutionRole", "AmazonECSTaskExecutionRolePolicy"): (
        "AWS's own for pulling images and writing logs; no process in a container gets the role."
    )
}
"""Policies of AWS that roles refer to, and why."""


@cache
def stack(text: str = TEMPLATE) -> Stack:
    """The template, or a changed copy of it, with every optional part."""
    parameters = {
        "AgentCredentialsSecretId": "agents",
        "LoginDatabaseUri": "s3://elsewhere/q/data.sqlite3",
        "InstructionBuckets": "arn:aws:s3:::specifications",
    }
    return Stack(read_template(text, "template.yaml"), parameters, {"Bucket": "bucket"})


def _is_wide(resource: str) -> bool:
    """Whether it names nothing: everything, all of a service, all of a type, or all of a bucket."""
    own = resource.split(":", 5)[-1]
    return re.fullmatch(r"[\w-]*[:/]?\*", own) is not None


def _wildcards(of: Stack) -> tuple[list[str], set[tuple[str, str, str]]]:
    """Actions with a wildcard, and the wide resources."""
    actions, resources = [], set()
    for name, statement in of.allowing():
        asked = listed(statement["Action"])
        actions += [f"{name}: {action}" for action in asked if "*" in action or "?" in action]
        for resource in filter(_is_wide, listed(statement.get("Resource", []))):
            for group in _groups(asked):
                resources.add((name, group, resource.split(":", 5)[-1]))
    return actions, resources


def _groups(actions: list[str]) -> Iterator[str]:
    """The actions of each service, as the list of what was reviewed has them."""
    for service in dict.fromkeys(action.partition(":")[0] for action in actions):
        yield " ".join(action for action in actions if action.startswith(f"{service}:"))


def test_no_action_is_a_wildcard() -> None:
    assert _wildcards(stack())[0] == []


def test_every_wide_resource_was_reviewed_and_every_review_is_of_one_that_is_there() -> None:
    found = _wildcards(stack())[1]
    assert found - set(REVIEWED) == set(), "not reviewed"
    assert set(REVIEWED) - found == set(), "not there any more"
    assert [reason for reason in REVIEWED.values() if len(reason.split()) < 5] == []


def test_nobody_but_a_service_is_let_in_and_denials_alone_are_for_everybody() -> None:
    for name, statement in stack().allowing():
        principal = statement.get("Principal")
        assert principal is None or set(principal) == {"Service"}, name


def test_policies_of_aws_are_those_that_were_reviewed() -> None:
    of = stack()
    found = set()
    for name, resource in of.resources.items():
        properties = resource.get("Properties", {})
        policies = listed(properties.get("ManagedPolicyArns", []))
        policies += [each for each in properties.get("Policies", []) if resource["Type"] in (FUNCTION, ROLE)]
        for policy in of.value([p for p in policies if not isinstance(p, dict) or "Fn::Sub" in p]):
            found.add((name, policy.rpartition("/")[2]))
    assert found == set(OF_AWS)


def test_a_role_is_passed_to_a_service_that_is_named() -> None:
    passing = [s for _, s in stack().allowing() if "iam:PassRole" in listed(s["Action"])]
    assert passing
    for statement in passing:
        assert statement["Condition"]["StringEquals"]["iam:PassedToService"] == "ecs-tasks.amazonaws.com"


def test_no_two_share_a_role() -> None:
    resources = stack().resources
    of = {name: each["Properties"] for name, each in resources.items() if "Properties" in each}
    # SAM makes a role for each function that names none.
    assert [name for name, each in resources.items() if each["Type"] == FUNCTION and "Role" in of[name]] == []
    given = [json.dumps(of[name]["Role"]) for name, each in resources.items() if each["Type"] == MACHINE]
    given += [json.dumps(p["TaskRoleArn"]) for p in of.values() if "TaskRoleArn" in p]
    given += [json.dumps(p["ServiceRole"]) for p in of.values() if "ServiceRole" in p]
    assert len(given) == len(set(given)) == 6


def _of(role: str, service: str) -> list[Grant]:
    return [grant for grant in stack().grants(role) if grant.action.startswith(f"{service}:")]


def test_the_agent_s_role_reaches_runs_and_its_login_and_no_secret_but_its_own() -> None:
    services = {grant.action.partition(":")[0] for grant in stack().grants("AgentTaskRole")}
    assert services == {"s3", "secretsmanager"}
    assert [str(grant) for grant in _of("AgentTaskRole", "secretsmanager")] == [
        "secretsmanager:GetSecretValue secret:agents",
        "secretsmanager:GetSecretValue secret:agents-??????",
        "secretsmanager:GetSecretValue secret:stepherd/agents/*",
        "secretsmanager:GetSecretValue secret:amazon-q-headless/agent-*",
    ]
    assert {str(grant) for grant in _of("AgentTaskRole", "s3")} == {
        "s3:GetObject bucket/runs/*",
        "s3:PutObject bucket/runs/*",
        "s3:ListBucket bucket s3:prefix=runs/*",
        "s3:GetObject bucket/logins/*/data.sqlite3",
        "s3:ListBucket bucket s3:prefix=logins/*/data.sqlite3",
        "s3:GetObject elsewhere/q/data.sqlite3",
        "s3:ListBucket elsewhere",
    }
    plain = Stack(read_template(TEMPLATE, "template.yaml"), {}, {"Bucket": "bucket"})
    assert not [grant for grant in plain.grants("AgentTaskRole") if "??????" in grant.resource]


def test_a_key_of_one_s_own_is_used_through_secrets_manager_alone_and_only_where_it_is_named() -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    keyed = Stack(read_template(TEMPLATE, "template.yaml"), {"SecretsKeyArn": key}, {"Bucket": "bucket"})
    for role in ("GitTaskRole", "AgentTaskRole", "CheckLoginFunction", "StartLoginFunction"):
        through = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
        assert keyed.allows(role, Need("kms:Decrypt", key, through))
        assert not keyed.allows(role, Need("kms:Decrypt", key))
        assert not keyed.allows(role, Need("kms:Decrypt", key.replace("/1", "/2"), through))
        assert not [grant for grant in stack().grants(role) if grant.action.startswith("kms:")]


def test_the_tasks_start_and_answer_nothing() -> None:
    for role in ("GitTaskRole", "AgentTaskRole"):
        assert {grant.action.partition(":")[0] for grant in stack().grants(role)} == {"s3", "secretsmanager"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Action: sns:ListSubscriptionsByTopic", 'Action: "sns:List*"', "StartLoginFunction: sns:List*"),
        (
            "sns:Publish\n                Resource: !If [OwnLoginTopic, !Ref LoginTopic, !Ref LoginTopicArn]",
            'sns:Publish\n                Resource: "*"',
            "sns:Publish",
        ),
        ("execution:${PipelineStateMachine.Name}:*", "execution:*", "states:DescribeExecution"),
        ('Resource: !Sub "${Bucket.Arn}/inbox-state/*"', 'Resource: !Sub "${Bucket.Arn}/*"', "s3:GetObject"),
    ],
)
def test_a_wildcard_more_is_noticed(old: str, new: str, says: str) -> None:
    assert TEMPLATE.count(old) == 1
    actions, resources = _wildcards(stack(TEMPLATE.replace(old, new)))
    assert says in json.dumps([actions, sorted(resources - set(REVIEWED))])
