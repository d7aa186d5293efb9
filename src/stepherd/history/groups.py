"""Which Parallel or Map the events of a history belong to, told by their chains (facts/histories.md 1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Groups", "previous_of"]

_BEGUN = ("ParallelStateStarted", "MapStateStarted")
_OVER = ("ParallelStateSucceeded", "MapStateSucceeded", "ParallelStateFailed", "MapStateFailed")
_ENTERED = ("ParallelStateEntered", "MapStateEntered")


def previous_of(event: Mapping[str, Any]) -> int:
    """The event that this one follows. The field is optional in AWS's model, and emulators leave it out."""
    return int(event.get("previousEventId", int(event["id"]) - 1))


class Groups:
    """A group is one start of a Parallel's branches or a Map's iterations; its number is its Started event's.

    Group 0 is the execution itself.
    """

    def __init__(self) -> None:
        self._group_of: dict[int, int] = {0: 0}
        self._outer: dict[int, int] = {0: 0}
        self._over: set[int] = set()
        self._entered: set[int] = set()

    def of(self, number: int) -> int:
        """The group that an event belongs to."""
        return self._group_of.get(number, 0)

    def inside(self, group: int, outer: int) -> bool:
        """Whether ``group`` is ``outer`` or lies in it."""
        while group not in (0, outer):
            group = self._outer[group]
        return group == outer

    def take(self, number: int, previous: int, kind: str) -> int | None:
        """Take an event; the group whose branches it ends without success, if it does."""
        group = self._open(self.of(previous)) if kind.startswith(("Parallel", "Map")) else self.of(previous)
        given_up = None
        if kind in _BEGUN:
            if previous not in self._entered:  # Tried again: the branches of the first try are over.
                given_up = group
                group = self._close(group)
            self._outer[number], group = group, number
        elif kind in _OVER:
            given_up = group if kind.endswith("Failed") else None
            group = self._close(group)
        elif kind in _ENTERED:
            self._entered.add(number)
        self._group_of[number] = group
        return given_up

    def _open(self, group: int) -> int:
        while group in self._over:
            group = self._outer[group]
        return group

    def _close(self, group: int) -> int:
        if group:
            self._over.add(group)
        return self._outer[group]
