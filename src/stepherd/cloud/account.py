"""Whose account it is, and which stacks of Stepherd there are in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from stepherd.cloud.clients import aws_client
from stepherd.errors import ConfigurationError
from stepherd.services.aws.errors import translated

__all__ = ["TAGS", "Caller", "caller", "own_stacks"]

TAGS: Final = {"Application": "stepherd"}
"""Of every stack that Stepherd deploys, samconfig.toml's too."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The AWS account and user in use here, and the region."""

    account: str
    arn: str
    region: str

    @property
    def partition(self) -> str:
        """The partition: ``aws``, ``aws-cn`` or ``aws-us-gov``."""
        return self.arn.split(":")[1]


def caller(region: str | None) -> Caller:
    """Ask AWS. Raises ConfigurationError without a region, CredentialsError without credentials."""
    client = aws_client("sts", region)
    found = client.meta.region_name
    if not found or found == "aws-global":
        raise ConfigurationError("No region is chosen.", remedy="Use --region, or set AWS_REGION.")
    with translated("the caller's identity"):
        identity = client.get_caller_identity()
    return Caller(str(identity["Account"]), str(identity["Arn"]), str(found))


def own_stacks(region: str) -> Iterator[dict[str, Any]]:
    """The stacks of Stepherd in the region, as DescribeStacks shows them, by their tag."""
    client = aws_client("cloudformation", region)
    with translated(f"the stacks in {region}"):
        for page in client.get_paginator("describe_stacks").paginate():
            for stack in page["Stacks"]:
                tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
                if TAGS.items() <= tags.items() and stack["StackStatus"] != "DELETE_COMPLETE":
                    yield stack
