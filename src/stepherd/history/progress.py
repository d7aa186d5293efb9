"""A run's states, folded from its history: the same fold for a live view, a line a change, and ``--json``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stepherd.history.groups import Groups, previous_of
from stepherd.history.logins import LoginProgress, Waiting
from stepherd.history.tasks import Container, containers_in
from stepherd.services.json_text import read_json

__all__ = ["Progress", "StateRow"]

_SHOWN = frozenset({"Task", "Wait"})
_FAILURES = {
    "TaskFailed": "FAILED", "TaskTimedOut": "TIMED_OUT", "TaskStartFailed": "FAILED",
    "TaskSubmitFailed": "FAILED", "LambdaFunctionFailed": "FAILED", "LambdaFunctionTimedOut": "TIMED_OUT",
    "EvaluationFailed": "FAILED",
}  # fmt: skip
_FINAL = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionAborted": "ABORTED",
    "ExecutionTimedOut": "TIMED_OUT",
}


_REPORTED: Final = "RunFailed"
"""The error by which ReportFailure ends when it has done its work: writing the report of a failed run."""


@dataclass(slots=True)
class StateRow:
    """One visit of a state. Times are seconds since the epoch."""

    name: str
    entered: float
    status: str = "RUNNING"
    ended: float | None = None
    attempts: int = 0
    error: str | None = None
    exited: bool = False
    group: int = 0
    given_up: bool = False
    """Whether it lies in a Parallel or Map that has failed since."""
    interrupted: bool = False
    """Whether the end of the execution cut it off: a redrive continues it."""
    login: LoginProgress | None = None
    """The execution that it started and waits for, when it is one of the login machine."""
    containers: list[Container] = field(default_factory=list)
    """Of its tasks, in order."""
    still: float = 0.0
    """How long the run lay still in it before a redrive; ``entered`` is moved forward by that."""
    cut_off: tuple[float, float, float] | None = None
    """When it was entered and ended, and how long the run lay still, as of the end that cut it off: while a
    redrive has taken it up, and nothing has happened in it since."""

    @property
    def waiting(self) -> Waiting | None:
        """The person or run that has to act before it can continue."""
        return self.login.waiting if self.login and self.status == "RUNNING" else None

    def seconds(self, now: float) -> float:
        """How long it has taken so far, or took."""
        return max(0.0, (self.ended or now) - self.entered)

    def shown_status(self, *, running: bool) -> str:
        """The status for a reader. An attempt that failed and will be repeated leaves its state RUNNING; a
        state that ends in the failure it has reported has done its work."""
        if self.error == _REPORTED:
            return "SUCCEEDED"
        return "RUNNING" if self.repeated(running=running) else self.status

    def repeated(self, *, running: bool) -> bool:
        """Whether it has failed and will be tried again: it was not left, nor its branch given up."""
        left = self.exited or self.given_up or self.error == _REPORTED
        return running and not left and self.status in _FAILURES.values()

    def to_json(self, now: float, *, running: bool) -> dict[str, Any]:
        """The state's fields as ``--json`` prints them; ``now`` is in seconds since 1970."""
        return {
            "name": self.name, "status": self.shown_status(running=running),
            "seconds": round(self.seconds(now), 3), "attempts": max(1, self.attempts),
            "waiting_for": self.waiting.to_json() if running and self.waiting else None,
        }  # fmt: skip


class Progress:
    """The progress of one execution. Feed it its events in order; those it had before are ignored."""

    def __init__(self) -> None:
        self.rows: list[StateRow] = []
        self.last_event = 0
        self.status = "RUNNING"
        self.started = 0.0
        """When the execution started, moved forward by the time it lay still before a redrive."""
        self.ended: float | None = None
        self._pauses: list[tuple[float, float]] = []
        """When the run had ended before each redrive, and how long it lay still then."""
        self._row_of: dict[int, StateRow] = {}
        self._groups = Groups()

    def seconds(self, now: float) -> float:
        """How long the run has taken so far, or took; without the time before a redrive."""
        return max(0.0, (self.ended or now) - (self.started or now))

    def began(self, row: StateRow) -> float:
        """When the run began, on a clock that counts until the last moment of a state: a redrive since then
        has not moved that."""
        at = row.ended or row.entered
        return self.started - sum(still for ended, still in self._pauses if at <= ended)

    def feed(self, events: Iterable[Mapping[str, Any]]) -> list[StateRow]:
        """Take events; the rows that changed, in order."""
        changed: list[StateRow] = []
        for event in events:
            if int(event["id"]) > self.last_event:
                changed += [row for row in self._take(event) if row not in changed]
        return changed

    def logins(self) -> Iterator[tuple[StateRow, LoginProgress]]:
        """The states that wait for a login, whose own histories tell more."""
        for row in self.rows:
            if row.login and row.status == "RUNNING":
                yield row, row.login

    def _take(self, event: Mapping[str, Any]) -> list[StateRow]:
        kind, number, at = str(event["type"]), int(event["id"]), float(event["timestamp"])
        self.last_event = number
        given_up = self._groups.take(number, previous_of(event), kind)
        if kind in _FINAL:
            return self._end(_FINAL[kind], at)
        if kind == "ExecutionStarted":
            self.started = at
        elif kind == "ExecutionRedriven":
            self._redriven(at)
        elif kind.endswith("StateEntered"):
            return self._enter(kind, number, at, event)
        elif given_up is not None:
            return self._abort(at, within=given_up)
        else:
            return self._follow(kind, number, at, event)
        return []

    def _enter(self, kind: str, number: int, at: float, event: Mapping[str, Any]) -> list[StateRow]:
        if kind.removesuffix("StateEntered") not in _SHOWN:
            return []
        group = self._groups.of(number)
        row = StateRow(str(event["stateEnteredEventDetails"]["name"]), at, group=group)
        self.rows.append(row)
        self._row_of[number] = row
        return [row]

    def _follow(self, kind: str, number: int, at: float, event: Mapping[str, Any]) -> list[StateRow]:
        row = self._row_of.get(previous_of(event)) or self._again(kind, event)
        if row is None or kind.endswith("Aborted"):
            return []
        self._row_of[number] = row
        return [row] if _change(row, kind, at, event) else []

    def _again(self, kind: str, event: Mapping[str, Any]) -> StateRow | None:
        """A redrive schedules a state again whose chain begins at ExecutionRedriven, or finds that its fields
        cannot be evaluated any more."""
        if kind == "EvaluationFailed":
            state = event.get("evaluationFailedEventDetails", {}).get("state")
            return next((row for row in reversed(self.rows) if row.cut_off and row.name == state), None)
        if not kind.endswith("Scheduled"):
            return None
        return next((row for row in reversed(self.rows) if not row.exited), None)

    def _redriven(self, at: float) -> None:
        still = at - (self.ended or at)
        self.status, self.ended = "RUNNING", None
        self.started += still
        self._pauses.append((at - still, still))
        for row in self.rows:
            if row.ended is not None and not row.exited:
                row.cut_off = (row.entered, row.ended, row.still) if row.interrupted else None
                row.entered += at - row.ended
                row.still += at - row.ended
                row.ended = at
            if row.interrupted:
                row.status, row.ended, row.interrupted = "RUNNING", None, False

    def _end(self, status: str, at: float) -> list[StateRow]:
        self.status, self.ended = status, at
        cut_off = self._abort(at)
        for row in cut_off:
            row.interrupted = True
        return cut_off

    def _abort(self, at: float, within: int = 0) -> list[StateRow]:
        """End what still runs, in one group of branches or everywhere."""
        inside = [row for row in self.rows if self._groups.inside(row.group, within)]
        for row in inside:
            row.given_up = row.given_up or bool(within)
        running = [row for row in inside if row.status == "RUNNING"]
        for row in running:
            row.status, row.ended = "ABORTED", at
        return running


def _change(row: StateRow, kind: str, at: float, event: Mapping[str, Any]) -> bool:
    """Take an event of a row's own chain; whether it changed what is shown."""
    if kind == "EvaluationFailed" and row.cut_off:
        # The redrive leaves it at once, for another state: it ended when the run was stopped.
        row.entered, row.ended, row.still = row.cut_off
        row.status, row.exited, row.cut_off = "ABORTED", True, None
    elif kind in ("TaskScheduled", "LambdaFunctionScheduled"):
        row.attempts += 1
        row.cut_off = None
        row.status, row.ended, row.error, row.given_up = "RUNNING", None, None, False
    elif kind in _FAILURES:
        row.status, row.ended = _FAILURES[kind], at
        details: Mapping[str, Any] = next((v for k, v in event.items() if k.endswith("EventDetails")), {})
        row.error = details.get("error")
    elif kind == "TaskSubmitted":
        row.login = _login(event)
        row.containers += containers_in(event, row.name)
        return False
    elif kind.endswith("StateExited"):
        if row.exited:
            return False
        row.exited = True
        if row.status in ("RUNNING", "ABORTED"):
            row.status, row.ended = "SUCCEEDED", at
    else:
        return False
    return True


def _login(event: Mapping[str, Any]) -> LoginProgress | None:
    """The execution of the login machine that a task has started, if it has."""
    details = event.get("taskSubmittedEventDetails") or {}
    if details.get("resourceType") != "states":
        return None
    try:
        arn = read_json(details["output"])["ExecutionArn"]
    except (KeyError, TypeError, ValueError):  # Left out of the history because of its size.
        return None
    return LoginProgress(str(arn))
