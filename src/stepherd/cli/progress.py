"""A run's states, folded from its history: the same fold for a live view, a line a change, and ``--json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Progress", "StateRow"]

_SHOWN = frozenset({"Task", "Wait"})
_ENDS = {"TaskFailed": "FAILED", "TaskTimedOut": "TIMED_OUT"}
_GIVEN_UP = ("ParallelStateFailed", "MapStateFailed")
_FINAL = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionAborted": "ABORTED",
    "ExecutionTimedOut": "TIMED_OUT",
}


@dataclass(slots=True)
class StateRow:
    """One visit of a state. Times are seconds since the epoch."""

    name: str
    entered: float
    status: str = "RUNNING"
    ended: float | None = None
    attempts: int = 0

    def seconds(self, now: float) -> float:
        """How long it has taken so far, or took."""
        return max(0.0, (self.ended or now) - self.entered)

    def to_json(self, now: float) -> dict[str, Any]:
        """As ``--json`` shows it."""
        return {
            "name": self.name, "status": self.status, "seconds": round(self.seconds(now), 3),
            "attempts": max(1, self.attempts),
        }  # fmt: skip


class Progress:
    """What a history says so far. Feed it wire events in order."""

    def __init__(self) -> None:
        self.rows: list[StateRow] = []
        self.last_event = 0
        self.status = "RUNNING"
        self.started = 0.0
        self.ended: float | None = None
        self._row_of: dict[int, StateRow] = {}

    def feed(self, events: Iterable[Mapping[str, Any]]) -> list[StateRow]:
        """Take events; the rows that changed, in order."""
        changed: list[StateRow] = []
        for event in events:
            row = self._take(event)
            if row is not None and row not in changed:
                changed.append(row)
        return changed

    def _take(self, event: Mapping[str, Any]) -> StateRow | None:
        kind, number, at = str(event["type"]), int(event["id"]), float(event["timestamp"])
        self.last_event = number
        if kind in _FINAL:
            self._end(_FINAL[kind], at)
            return None
        if kind == "ExecutionStarted":
            self.started = at
        if kind == "ExecutionRedriven":
            self.status, self.ended = "RUNNING", None
        if kind.endswith("StateEntered"):
            return self._enter(kind, number, at, event)
        if kind in _GIVEN_UP:
            self._abort_running(at)
            return None
        row = self._row_of.get(int(event["previousEventId"]))
        if row is None:
            return self._again(kind, number, at)
        self._row_of[number] = row
        return self._change(row, kind, at)

    def _enter(self, kind: str, number: int, at: float, event: Mapping[str, Any]) -> StateRow | None:
        if kind.removesuffix("StateEntered") not in _SHOWN:
            return None
        row = StateRow(str(event["stateEnteredEventDetails"]["name"]), at)
        self.rows.append(row)
        self._row_of[number] = row
        return row

    def _change(self, row: StateRow, kind: str, at: float) -> StateRow | None:
        if kind in ("TaskScheduled", "LambdaFunctionScheduled"):
            row.attempts += 1
            row.status, row.ended = "RUNNING", None
        elif kind in _ENDS:
            row.status, row.ended = _ENDS[kind], at
        elif kind.endswith("StateExited") and row.status == "RUNNING":
            row.status, row.ended = "SUCCEEDED", at
        else:
            return None
        return row

    def _again(self, kind: str, number: int, at: float) -> StateRow | None:
        """A redrive schedules a state again whose chain begins at ExecutionRedriven."""
        if kind != "TaskScheduled":
            return None
        unfinished = [row for row in self.rows if row.status not in ("RUNNING", "SUCCEEDED")]
        if not unfinished:
            return None
        row = unfinished[-1]
        self._row_of[number] = row
        return self._change(row, kind, at)

    def _abort_running(self, at: float) -> None:
        for row in self.rows:
            if row.status == "RUNNING":
                row.status, row.ended = "ABORTED", at

    def _end(self, status: str, at: float) -> None:
        self.status, self.ended = status, at
        self._abort_running(at)
