"""The parts of a stack by CloudFormation's own list, and those that a deleted stack has left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stepherd.cloud.clients import aws_client
from stepherd.cloud.stack import Stack
from stepherd.services.aws.errors import translated

__all__ = ["Part", "bucket_of", "last_deleted", "parts_of_stack", "physical_id"]


@dataclass(frozen=True, slots=True)
class Part:
    """A resource of a stack."""

    name: str
    """The logical id in the template."""
    kind: str
    id: str
    """Its physical id; empty while it has none."""
    status: str


def parts_of_stack(client: Any, arn: str) -> list[Part]:
    """Every resource that the stack has or had, by CloudFormation's client."""
    with translated(f"the stack {arn}"):
        pages = client.get_paginator("list_stack_resources").paginate(StackName=arn)
        found = [item for page in pages for item in page["StackResourceSummaries"]]
    return [
        Part(
            str(item["LogicalResourceId"]),
            str(item["ResourceType"]),
            str(item.get("PhysicalResourceId") or ""),
            str(item["ResourceStatus"]),
        )
        for item in found
    ]


def last_deleted(client: Any, name: str) -> str | None:
    """The ARN of the last stack of a name that was deleted; CloudFormation knows it for 90 days."""
    with translated(f"the deleted stacks named {name}"):
        pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
        found = [item for page in pages for item in page["StackSummaries"] if item["StackName"] == name]
    # When it was deleted is optional in AWS's model.
    latest = max(found, key=lambda item: item.get("DeletionTime") or item["CreationTime"], default=None)
    return str(latest["StackId"]) if latest else None


def bucket_of(stack: Stack) -> str:
    """The bucket that the stack has made, be it its store or not."""
    return physical_id(aws_client("cloudformation", stack.region), stack.arn, "Bucket")


def physical_id(client: Any, stack: str, logical: str) -> str:
    """The physical id of a resource; ``stack`` is a name or ARN, ``client`` CloudFormation's. Raises what
    ``translated`` does."""
    with translated(f"the resource {logical} of {stack}"):
        found = client.describe_stack_resource(StackName=stack, LogicalResourceId=logical)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])
