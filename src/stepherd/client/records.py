"""The objects that the client returns: runs, their states and events, lines of their logs, logins."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stepherd.history.logins import Waiting

if TYPE_CHECKING:
    from stepherd.backends.kept_work import Kept
    from stepherd.client.listing import Outline
    from stepherd.history.progress import StateRow

__all__ = ["Event", "LogLine", "Login", "Run", "State", "Stopped", "Update", "Waiting", "moment"]


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was when it was asked for."""

    id: str
    status: str
    """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED, as Step Functions has it."""
    started: datetime
    stopped: datetime | None = None
    """None while it is running."""
    redrives: int = 0
    waiting_for: Waiting | None = None
    """The person or run that has to act before it can continue; only in lists of runs."""
    title: str | None = field(default=None, compare=False)
    """Its subject, in a line: of its commit message. This and what follows is in lists of runs alone, as the
    run's folder has it, and None where that does not say it."""
    repo: str | None = field(default=None, compare=False)
    agent: str | None = field(default=None, compare=False)
    branch: str | None = field(default=None, compare=False)
    """The branch that has its work; while it has no report, the one that it is to have."""
    cost_usd: float | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls, listed: Mapping[str, Any], waiting: Waiting | None = None, outline: Outline | None = None
    ) -> Run:
        """The same, of a list of runs."""
        return cls(
            listed["run_id"],
            listed["status"],
            moment(listed["started"]),
            moment(listed["stopped"]) if listed["stopped"] else None,
            listed["redrives"],
            waiting,
            *((outline.title, outline.repo, outline.agent, outline.branch) if outline else (None,) * 4),
            outline.cost_usd if outline else None,
        )

    @property
    def running(self) -> bool:
        """Whether it had not ended."""
        return self.status == "RUNNING"


@dataclass(frozen=True, slots=True)
class State:
    """One visit of a state, as it was at that moment."""

    name: str
    status: str
    """As of a run; RETRYING between an attempt that failed and the next one."""
    entered: datetime
    ended: datetime | None
    seconds: float
    """How long it took, or had taken by then."""
    attempts: int = 1
    error: str | None = None
    waiting_for: Waiting | None = None

    @classmethod
    def of(cls, row: StateRow, run_status: str, now: float | None = None) -> State:
        """The same, as a history has it, of a run with that status."""
        return cls(
            row.name,
            _status(row, run_status),
            moment(row.entered),
            moment(row.ended) if row.ended else None,
            round(row.seconds(time.time() if now is None else now), 3),
            max(1, row.attempts),
            row.error,
            row.waiting,
        )


def _status(row: StateRow, run_status: str) -> str:
    running = run_status == "RUNNING"
    return "RETRYING" if row.repeated(running=running) else row.shown_status(running=running)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an execution's history."""

    id: int
    type: str
    """Such as ``TaskStateEntered``, as Step Functions has it."""
    at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Event:
        """The same, of a history as the API gives it."""
        details: Mapping[str, Any] = next(
            (value for name, value in event.items() if name.endswith("EventDetails")), {}
        )
        return cls(int(event["id"]), str(event["type"]), moment(float(event["timestamp"])), details)


@dataclass(frozen=True, slots=True)
class Update:
    """One event of a run that is followed, and what it changed."""

    event: Event
    states: tuple[State, ...]
    """The states that it changed, as they are since then."""
    status: str
    """The run's, since then."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a task of a run has written."""

    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The result of stopping a run."""

    run: Run
    before: str
    """Its status before: where it is not RUNNING, the run had ended by itself."""
    kept: Kept | None = None
    """Where its work until then was kept; None where nothing had to be kept."""

    @property
    def branch(self) -> str | None:
        """The branch that has its work; None where nothing was pushed."""
        return self.kept.branch if self.kept else None

    @property
    def remark(self) -> str:
        """Where its work is, in words; empty where nothing had to be kept."""
        return self.kept.words() if self.kept else ""


@dataclass(frozen=True, slots=True)
class Login:
    """A login that is good."""

    agent: str
    account: str
    expires_at: str
    """The end, in ISO 8601 and UTC."""
    asked: bool
    """Whether a person had to approve it."""
