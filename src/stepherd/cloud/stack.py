"""A stack as CloudFormation describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from stepherd.cloud.clients import aws_client
from stepherd.errors import NotFoundError, StepherdError
from stepherd.remedies import Remedy
from stepherd.services.aws.errors import is_refusal, translated

__all__ = ["Stack", "find_stack"]

_ATTEMPTS: Final = 4
"""Every command begins with this call: without a network, it should not take half a minute to fail."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as CloudFormation describes it."""

    name: str
    arn: str
    region: str
    account: str
    status: str
    """CloudFormation's own word, such as ``UPDATE_COMPLETE``."""
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    """Values of NoEcho parameters are asterisks."""
    created: datetime


def find_stack(name: str, region: str | None = None) -> Stack:
    """Describe a stack by name or ARN; ``region`` is boto3's own choice where it is not given.

    Raises NotFoundError when there is none, with the account and region that were looked into; otherwise
    CredentialsError, TemporaryError, UnavailableError and ConfigurationError as ``services.aws.errors``.
    """
    client = aws_client("cloudformation", region, _ATTEMPTS)
    with translated(f"the stack {name}"):
        try:
            found = client.describe_stacks(StackName=name)["Stacks"]
        except Exception as error:
            if not (is_refusal(error) and _says_absent(error.response.get("Error", {}))):
                raise
            found = []
    if not found or found[0]["StackStatus"] == "DELETE_COMPLETE":
        raise _absent(name, client.meta.region_name)
    return _stack(found[0])


def _says_absent(error: Mapping[str, Any]) -> bool:
    """DescribeStacks has no code of its own for a stack that is not there: only its words tell."""
    return error.get("Code") == "ValidationError" and "does not exist" in str(error.get("Message", ""))


def _absent(name: str, region: str) -> NotFoundError:
    return NotFoundError(
        f"There is no stack '{name}' in {_account(region)} and the region {region}.",
        remedy=Remedy("Deploy one: ", ("init",), ". Find one in another region: ", ("configure",)),
    )


def _account(region: str) -> str:
    """Whose account was looked into, for the words of an error alone."""
    try:
        with translated("the caller's identity"):
            return f"the account {aws_client('sts', region, 1).get_caller_identity()['Account']}"
    except StepherdError:
        return "this account"


def _stack(found: Mapping[str, Any]) -> Stack:
    arn = str(found["StackId"])
    region, account = arn.split(":")[3:5]
    return Stack(
        str(found["StackName"]),
        arn,
        region,
        account,
        str(found["StackStatus"]),
        {pair["OutputKey"]: pair["OutputValue"] for pair in found.get("Outputs", [])},
        {pair["ParameterKey"]: pair.get("ParameterValue", "") for pair in found.get("Parameters", [])},
        found["CreationTime"],
    )
