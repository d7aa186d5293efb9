"""A run's states, folded from its history: which were entered, how each went, which tasks they started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stepherd.api.executions import moment_text
from stepherd.services.json_text import read_json

__all__ = ["StateRow", "states_of"]

_SHOWN: Final = frozenset({"TaskStateEntered", "WaitStateEntered"})
_FAILURES: Final = {
    "TaskFailed": "FAILED", "TaskTimedOut": "TIMED_OUT", "TaskStartFailed": "FAILED",
    "TaskSubmitFailed": "FAILED", "LambdaFunctionFailed": "FAILED", "LambdaFunctionTimedOut": "TIMED_OUT",
}  # fmt: skip
_SUCCESSES: Final = frozenset({"TaskSucceeded", "LambdaFunctionSucceeded"})
_ENDS: Final = frozenset({"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"})


@dataclass(slots=True)
class StateRow:
    """One visit of a state. Times are ISO 8601, UTC."""

    name: str
    entered: str
    status: str = "RUNNING"
    ended: str | None = None
    attempts: int = 0
    exited: bool = False
    streams: list[tuple[int, str]] = field(default_factory=list)
    """The log streams of its tasks, one for each container, with the event that tells of it."""

    def to_json(self) -> dict[str, Any]:
        """What callers see."""
        return {
            "name": self.name, "status": self.status, "started": self.entered, "stopped": self.ended,
            "attempts": max(1, self.attempts),
        }  # fmt: skip


def states_of(events: Iterable[Mapping[str, Any]]) -> list[StateRow]:
    """The visits of Task and Wait states in a history that is given in order.

    An event belongs to the state of the event before it; what a redrive schedules begins a chain of its own
    and belongs to the last state that was not left.
    """
    rows: list[StateRow] = []
    row_of: dict[int, StateRow] = {}
    for event in events:
        kind, at = str(event["type"]), moment_text(event["timestamp"])
        if kind in _SHOWN:
            rows.append(StateRow(str(event["stateEnteredEventDetails"]["name"]), at))
            row_of[event["id"]] = rows[-1]
        elif kind in _ENDS:
            for row in rows:
                _end(row, "ABORTED", at)
        elif not kind.endswith("StateEntered"):
            found = row_of.get(event.get("previousEventId", 0)) or _redriven(kind, rows)
            if found is not None:
                row_of[event["id"]] = found
                _take(found, kind, at, event)
    return rows


def _redriven(kind: str, rows: list[StateRow]) -> StateRow | None:
    if not kind.endswith("Scheduled"):
        return None
    return next((row for row in reversed(rows) if not row.exited), None)


def _take(row: StateRow, kind: str, at: str, event: Mapping[str, Any]) -> None:
    if kind.endswith("Scheduled"):
        row.attempts += 1
        row.status, row.ended = "RUNNING", None
    elif kind in _FAILURES:
        row.status, row.ended = _FAILURES[kind], at
    elif kind in _SUCCESSES:
        row.status, row.ended = "SUCCEEDED", at
    elif kind.endswith("StateAborted"):
        _end(row, "ABORTED", at)
    elif kind.endswith("StateExited"):
        row.exited = True
        _end(row, "SUCCEEDED", at)
    elif kind == "TaskSubmitted":
        found = _streams(event.get("taskSubmittedEventDetails") or {})
        row.streams += [(int(event["id"]), stream) for stream in found]


def _end(row: StateRow, status: str, at: str) -> None:
    if row.status == "RUNNING":
        row.status, row.ended = status, at


def _streams(details: Mapping[str, Any]) -> list[str]:
    """The streams of an ECS task, as its awslogs-stream-prefix, the container's own name, makes them."""
    if details.get("resourceType") != "ecs":
        return []
    try:
        tasks = read_json(details["output"])["Tasks"]
        return [
            f"{container['Name']}/{container['Name']}/{task['TaskArn'].rpartition('/')[2]}"
            for task in tasks
            for container in task["Containers"]
        ]
    except (KeyError, TypeError, ValueError):  # left out of the history by the service, or cut
        return []
