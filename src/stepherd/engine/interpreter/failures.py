"""How a state fails, and which names of Retry and Catch match it (facts/histories.md 3)."""

from __future__ import annotations

from typing import Any

from stepherd.engine.journal.records import Event

__all__ = ["StateFailed", "TaskError"]


class TaskError(Exception):
    """A task ended with an error; either part may be missing, as in SendTaskFailure."""

    def __init__(self, error: str | None, cause: str | None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class StateFailed(Exception):
    """A state failed. ``event_id`` is the event that failed first; later events point at it."""

    def __init__(
        self,
        error: str | None,
        cause: str | None,
        event_id: int,
        *,
        at: float = 0.0,
        missed_heartbeat: bool = False,
    ) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.event_id = event_id
        self.at = at
        self.missed_heartbeat = missed_heartbeat

    @classmethod
    def recorded(cls, event: Event) -> StateFailed:
        """The failure that a history event tells of."""
        facts = event.facts
        return cls(facts.get("error"), facts.get("cause"), event.id, at=event.timestamp)

    @property
    def fatal(self) -> bool:
        """Whether neither Retry nor Catch may see it: States.Runtime ends the execution."""
        return self.error == "States.Runtime"

    def matches(self, names: tuple[str, ...]) -> bool:
        """Whether one of the names of an ErrorEquals stands for this failure."""
        return any(self._matches(name) for name in names)

    def _matches(self, name: str) -> bool:
        if name == "States.ALL":
            return True
        if name == "States.TaskFailed":
            return self.error != "States.Timeout"
        if name == "States.HeartbeatTimeout":
            return self.missed_heartbeat
        return name == self.error

    @property
    def error_output(self) -> dict[str, Any]:
        """``$states.errorOutput``: a timeout's missing cause is an empty string [recorded]."""
        cause = "" if self.cause is None and self.error == "States.Timeout" else self.cause
        return {"Error": self.error, "Cause": cause}
