"""Finding a stack, with CloudFormation as moto serves it."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from stepherd.cloud import clients
from stepherd.cloud.stack import find_stack
from stepherd.errors import ConfigurationError, CredentialsError, NotFoundError

REGION = "eu-west-1"
TEMPLATE = {
    "Parameters": {
        "Name": {"Type": "String", "Default": "x"},
    },
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"LoginTopicArn": {"Value": {"Ref": "Topic"}}},
}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


def _deploy() -> Any:
    client = boto3.client("cloudformation", region_name=REGION)
    client.create_stack(StackName="flock", TemplateBody=json.dumps(TEMPLATE))
    return client


def test_a_stack_is_found_with_what_it_says_of_itself() -> None:
    _deploy()
    stack = find_stack("flock", REGION)
    assert (stack.name, stack.region, stack.account) == ("flock", REGION, "123456789012")
    assert stack.status == "CREATE_COMPLETE"
    assert stack.outputs["LoginTopicArn"].startswith(f"arn:aws:sns:{REGION}:123456789012:")
    assert stack.parameters["Name"] == "x"
    assert stack.created.tzinfo
    assert find_stack(stack.arn, REGION) == stack


def test_a_stack_that_is_not_there_is_not_found_with_where_was_looked() -> None:
    with pytest.raises(NotFoundError) as raised:
        find_stack("flock", REGION)
    assert raised.value.message == (
        "There is no stack 'flock' in the account 123456789012 and the region eu-west-1."
    )
    assert "stepherd init" in raised.value.remedy


def test_a_deleted_stack_is_not_found_by_its_arn_either() -> None:
    client = _deploy()
    arn = find_stack("flock", REGION).arn
    client.delete_stack(StackName="flock")
    with pytest.raises(NotFoundError):
        find_stack(arn, REGION)


@pytest.mark.parametrize(
    ("code", "message", "error", "remedy"),
    [
        ("ExpiredToken", "The security token is expired", CredentialsError, "aws sso login"),
        ("AccessDenied", "User: arn:aws:iam::1:user/u is not authorized to perform: "
         "cloudformation:DescribeStacks on resource: x", CredentialsError, "cloudformation:DescribeStacks"),
    ],
)  # fmt: skip
def test_refusals_come_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, code: str, message: str, error: type[Exception], remedy: str
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refused)
    with pytest.raises(error) as raised:
        find_stack("flock", REGION)
    assert remedy in raised.value.remedy  # type: ignore[attr-defined]


def test_without_boto3_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".", maxsplit=1)[0] in {"boto3", "botocore"}:
            raise ModuleNotFoundError(name=name.split(".", maxsplit=1)[0])
        return real(name, *rest, **named)

    clients._made.cache_clear()  # One that was made would be used.
    monkeypatch.setattr(builtins, "__import__", without)
    # Other settings, so that no client is there yet.
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "without-boto3")
    with pytest.raises(ConfigurationError, match="boto3, which is not installed") as raised:
        find_stack("flock", REGION)
    assert "pip install 'stepherd[aws]'" in raised.value.remedy
