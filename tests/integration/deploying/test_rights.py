"""The calls of ``init`` and ``destroy`` against docs/deployer-policy.json, evaluated by an IAM of others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.aws_grants import ROOT, Need
from tests.iam_simulator import Simulator
from tests.integration.deploying.account import Call
from tests.integration.deploying.conftest import Person

ACCOUNT, REGION, STACK = "123456789012", "eu-west-1", "stepherd"
HERE = f"{REGION}:{ACCOUNT}"
_BUCKETS = {
    "HeadBucket": "ListBucket", "ListObjects": "ListBucket", "ListObjectVersions": "ListBucketVersions",
    "PUT:publicAccessBlock": "PutBucketPublicAccessBlock", "PUT:encryption": "PutEncryptionConfiguration",
    "PUT:policy": "PutBucketPolicy", "PUT:lifecycle": "PutLifecycleConfiguration",
    "PUT:tagging": "PutBucketTagging", "CreateBucket": "CreateBucket", "DeleteBucket": "DeleteBucket",
}  # fmt: skip
"""S3's call → its action on a bucket, where the names differ (S3 API reference)."""
_OBJECTS = {
    "HeadObject": ("GetObject",), "PutObject": ("PutObject",), "GetObject": ("GetObject",),
    "DeleteObjects": ("DeleteObject", "DeleteObjectVersion"),
}  # fmt: skip
_ANYWHERE = {
    "cloudformation:DescribeStacks", "cloudformation:ListStacks", "ecs:ListTasks", "ecs:ListTaskDefinitions",
    # IAM knows no resource for it, though it names one.
    "ecs:DeregisterTaskDefinition",
}  # fmt: skip


class Policy:
    """A role with a policy of its own, as the simulator takes it."""

    account = ACCOUNT

    def __init__(self) -> None:
        text = (ROOT / "docs" / "deployer-policy.json").read_text()
        for name, value in {"ACCOUNT": ACCOUNT, "REGION": REGION, "STACK": STACK}.items():
            text = text.replace(name, value)
        self.document = json.loads(text)

    def policy(self, _: str) -> dict[str, Any]:
        document: dict[str, Any] = self.document
        return document


def _needs(call: Call) -> Iterator[Need]:
    if call.service == "s3":
        path = call.path.split(" ")[1].partition("?")[0].strip("/")
        if call.operation in _BUCKETS:
            yield Need(f"s3:{_BUCKETS[call.operation]}", f"arn:aws:s3:::{path}")
        for action in _OBJECTS.get(call.operation, ()):
            key = path if "/" in path else f"{path}/key"
            yield Need(f"s3:{action}", f"arn:aws:s3:::{key}")
        assert call.operation in {*_BUCKETS, *_OBJECTS}, call.operation
        return
    if call.service == "sts":
        return  # GetCallerIdentity needs no right.
    action = f"{call.service}:{call.operation}"
    yield Need(action, "*" if action in _ANYWHERE else _resource(call, _given(call)), _context(action))
    if action == "secretsmanager:CreateSecret" and "Tags" in _given(call):
        yield Need("secretsmanager:TagResource", _resource(call, _given(call)))


def _given(call: Call) -> dict[str, Any]:
    if call.body.startswith(b"{"):
        found: dict[str, Any] = json.loads(call.body)
        return found
    return {name: values[0] for name, values in parse_qs(call.body.decode()).items()}


def _context(action: str) -> dict[str, str]:
    return {"iam:AWSServiceName": "ecs.amazonaws.com"} if action == "iam:CreateServiceLinkedRole" else {}


def _resource(call: Call, given: dict[str, Any]) -> str:
    match call.service:
        case "cloudformation":
            return f"arn:aws:cloudformation:{HERE}:stack/{STACK}/id"
        case "iam":
            role = "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
            return f"arn:aws:iam::{ACCOUNT}:role/{role}"
        case "ecs" if "taskDefinitions" in given:
            return str(given["taskDefinitions"][0])
        case "ecs":
            return f"arn:aws:ecs:{HERE}:cluster/{given.get('clusterName') or given['cluster']}"
        case "codebuild":
            return f"arn:aws:codebuild:{HERE}:project/{STACK}-images"
        case "ecr":
            return f"arn:aws:ecr:{HERE}:repository/{given['repositoryName']}"
        case "logs":
            stream = f":log-stream:{given['logStreamName']}" if "logStreamName" in given else ""
            return f"arn:aws:logs:{HERE}:log-group:{given['logGroupName']}{stream}"
        case "sns":
            return str(given["TopicArn"])
        case "states":
            return str(given["stateMachineArn"])
        case "secretsmanager":
            name = str(given.get("SecretId") or given["Name"]).rpartition(":")[2]
            # CloudFormation names it by its logical id alone; the stand-in puts the stack's name before.
            return f"arn:aws:secretsmanager:{HERE}:secret:{name.removeprefix(f'{STACK}-')}-AbCdEf"
    raise AssertionError(f"what {call.service}:{call.operation} is about is not written down")


@pytest.mark.timeout(240)
def test_who_has_the_documented_policy_may_call_what_init_and_destroy_call_and_no_more(
    person: Person, require: Callable[[str], str]
) -> None:
    simulator = Simulator(require)
    (person.path / "key").write_text("key-of-the-agent\n")
    person.init(
        *("--git-token-file", str(person.token_file), "--email", "ada@example.com"),
        *("--agents", "claude", "--agent-key", "claude=file:key"),
    )
    person.stepherd("destroy", "--yes", STACK)
    asked = [("deployer", need) for call in person.account.calls for need in _needs(call)]
    assert len({need.action for _, need in asked}) > 35
    decisions = simulator.decide(Policy(), asked)  # type: ignore[arg-type]
    assert [pair for pair, decision in decisions.items() if decision != "Allowed"] == []
    hostile = [
        Need("s3:DeleteObject", "arn:aws:s3:::somebody-elses/key"),
        Need("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{HERE}:secret:production-AbCdEf"),
        Need("cloudformation:DeleteStack", f"arn:aws:cloudformation:{HERE}:stack/other/id"),
        Need("ecr:BatchDeleteImage", f"arn:aws:ecr:{HERE}:repository/other"),
        Need(
            "iam:CreateServiceLinkedRole",
            f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/spot.amazonaws.com/x",
        ),
    ]
    refused = simulator.decide(Policy(), [("deployer", need) for need in hostile])  # type: ignore[arg-type]
    assert [pair for pair, decision in refused.items() if decision == "Allowed"] == []
