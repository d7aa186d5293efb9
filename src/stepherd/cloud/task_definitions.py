"""Revisions of a stack's task definitions: those of updates outlive the stack, because runs may name them.

Source: ECS API reference, DeregisterTaskDefinition and DeleteTaskDefinitions.
"""

from __future__ import annotations

from typing import Any, Final

from stepherd.cloud.clients import aws_client
from stepherd.errors import StorageError
from stepherd.services.aws.errors import translated

__all__ = ["FAMILIES", "remove_revisions", "revisions_of"]

FAMILIES: Final = ("git", "agent")
"""Of the template; each family is named <stack>-<one of these>."""
_STATES: Final = ("ACTIVE", "INACTIVE")
_MOST_DELETED: Final = 10
"""As many one DeleteTaskDefinitions takes."""


def revisions_of(stack: str, region: str) -> list[str]:
    """The ARNs of all revisions of the stack's families that are not being deleted yet.

    Raises CredentialsError, TemporaryError, UnavailableError.
    """
    client = aws_client("ecs", region)
    return [arn for status in _STATES for arn in _listed(client, stack, status)]


def remove_revisions(stack: str, region: str) -> int:
    """Deregister and delete every revision of the stack's families; how many there were.

    To be called when the stack is gone: no run can start one of them any more. Raises StorageError for what
    ECS keeps, CredentialsError, TemporaryError, UnavailableError.
    """
    client = aws_client("ecs", region)
    with translated(f"the task definitions of {stack}"):
        for arn in _listed(client, stack, "ACTIVE"):
            client.deregister_task_definition(taskDefinition=arn)
        there = _listed(client, stack, "INACTIVE")
        failures: list[dict[str, Any]] = []
        for start in range(0, len(there), _MOST_DELETED):
            some = there[start : start + _MOST_DELETED]
            failures += client.delete_task_definitions(taskDefinitions=some).get("failures", [])
    if failures:
        first = failures[0]
        raise StorageError(
            f"ECS keeps {len(failures)} of them: {first.get('arn')}: {first.get('reason')}",
            remedy="They cost nothing.",
        )
    return len(there)


def _listed(client: Any, stack: str, status: str) -> list[str]:
    found = []
    with translated(f"the task definitions of {stack}"):
        for family in FAMILIES:
            pages = client.get_paginator("list_task_definitions").paginate(
                familyPrefix=f"{stack}-{family}", status=status
            )
            # ECS may take the prefix at its word: another stack's name can begin like this one's family.
            found += [
                str(arn)
                for page in pages
                for arn in page["taskDefinitionArns"]
                if str(arn).rpartition("/")[2].partition(":")[0] == f"{stack}-{family}"
            ]
    return found
