"""The progress of CloudFormation, resource by resource, by the events of a stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Change", "Events", "first_failure"]

_STACK: Final = "AWS::CloudFormation::Stack"
_BEGINNINGS: Final = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "REVIEW_IN_PROGRESS")
_FOLLOWED: Final = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


@dataclass(frozen=True, slots=True)
class Change:
    """One event: a resource came into a status."""

    id: str
    resource: str
    """Its logical id; the stack's name for the stack itself."""
    kind: str
    status: str
    reason: str
    of_stack: bool

    @property
    def over(self) -> bool:
        """Whether the resource has come to rest."""
        return not self.status.endswith("_IN_PROGRESS")


class Events:
    """The events of one stack, by its ARN, from now on or from the beginning of what it is at."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn
        self._seen = ""

    def skip(self) -> None:
        """Leave out what has happened until now."""
        self._seen = next((change.id for change in self._newest_first()), "")

    def new(self) -> list[Change]:
        """Return the changes since the last call, the oldest first."""
        found: list[Change] = []
        for change in self._newest_first():
            if change.id == self._seen:
                break
            found.append(change)
        if found:
            self._seen = found[0].id
        return found[::-1]

    def of_last_operation(self) -> list[Change]:
        """Return the changes since the beginning of CloudFormation's last operation, the oldest first."""
        found: list[Change] = []
        for change in self._newest_first():
            found.append(change)
            if change.of_stack and change.status in _BEGINNINGS:
                break
        return found[::-1]

    def _newest_first(self) -> Iterator[Change]:
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=self._arn)
        for page in pages:
            for event in page["StackEvents"]:
                yield _change(event)


def first_failure(changes: list[Change]) -> Change | None:
    """The change that the others follow from: what is cancelled or rolled back has not failed by itself."""
    failed = [change for change in changes if change.status.endswith("_FAILED") and not change.of_stack]
    own = [change for change in failed if not change.reason.startswith(_FOLLOWED)]
    stack = [change for change in changes if change.of_stack and change.reason and "FAILED" in change.status]
    return next(iter([*own, *failed, *stack]), None)


def _change(event: dict[str, Any]) -> Change:
    of_stack = event["ResourceType"] == _STACK and event.get("PhysicalResourceId") == event["StackId"]
    return Change(
        str(event["EventId"]),
        str(event["LogicalResourceId"]),
        str(event["ResourceType"]),
        str(event["ResourceStatus"]),
        str(event.get("ResourceStatusReason", "")),
        of_stack,
    )
