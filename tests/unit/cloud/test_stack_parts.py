"""The parts of deleted stacks that CloudFormation still knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from stepherd.cloud.stack_parts import last_deleted


class Listing:
    """A client that lists these stacks."""

    def __init__(self, *stacks: dict[str, Any]) -> None:
        self._stacks = list(stacks)

    def get_paginator(self, _name: str) -> Listing:
        return self

    def paginate(self, **_given: object) -> list[dict[str, Any]]:
        return [{"StackSummaries": [stack]} for stack in self._stacks]


def _stack(number: int, **more: object) -> dict[str, Any]:
    return {"StackName": "s", "StackId": f"arn:{number}", **more}


def _at(day: int) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC)


@pytest.mark.parametrize("told", [True, False])
def test_the_last_of_a_name_is_found_whether_or_not_it_is_told_when_it_was_deleted(told: bool) -> None:
    stacks = [_stack(day, CreationTime=_at(day), **({"DeletionTime": _at(day + 1)} if told else {}))
              for day in (3, 9, 5)]  # fmt: skip
    assert last_deleted(Listing(*stacks), "s") == "arn:9"
    assert last_deleted(Listing(*stacks), "other") is None
