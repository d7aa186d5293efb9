"""The records of the journal: machines, executions, events, task attempts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Attempt", "Event", "Execution", "Listed", "Machine", "with_next"]

FINAL = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})
CHILD_MARK = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
"""A key in the input of an execution that the task of another has started."""
STOPPING = "stopping"
"""A key of an attempt's handle while its job is being stopped: a new engine continues with that."""
INTERRUPTED = "interrupted"
"""A key of an attempt's handle whose job the engine stopped because it left: to be started again."""
TAGS = "tags"
"""A key of a machine's settings that is no configuration."""
REDRIVABLE = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine as created. Times are seconds since the epoch."""

    arn: str
    name: str
    definition: str
    role_arn: str
    created: float
    revision: str = ""
    settings: str = "{}"
    """JSON of what is kept and returned but has no effect here: logging and tracing configuration, tags."""

    @property
    def kept(self) -> dict[str, Any]:
        """The settings as an object."""
        loaded: dict[str, Any] = json.loads(self.settings)
        return loaded

    @property
    def configurations(self) -> dict[str, Any]:
        """The settings without the tags."""
        return {key: value for key, value in self.kept.items() if key != TAGS}


@dataclass(slots=True)
class Execution:
    """One execution; mutable, as its status changes. Times are seconds since the epoch."""

    arn: str
    machine_arn: str
    name: str
    role_arn: str
    definition: str
    input: str
    started: float
    status: str = "RUNNING"
    stopped: float | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    redrives: int = 0
    redriven: float | None = None
    redrive_tokens: str = "{}"
    trace_header: str | None = None
    number: int = 0
    """The journal's own row number."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "RUNNING"


@dataclass(frozen=True, slots=True)
class Listed:
    """An execution as a list shows it; the fields are in the order of the journal's columns. Times are
    seconds since 1970."""

    number: int
    arn: str
    machine_arn: str
    name: str
    status: str
    started: float
    stopped: float | None
    redrives: int
    redriven: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """One history event. ``frame`` names the branch or iteration it belongs to, '' at top level."""

    id: int
    previous: int
    timestamp: float
    type: str
    details: str | None
    frame: str

    @property
    def facts(self) -> dict[str, Any]:
        """The details object, empty where the type has none."""
        loaded: dict[str, Any] = json.loads(self.details) if self.details else {}
        return loaded

    @property
    def state(self) -> str:
        """The kind of state event: 'Entered', 'Exited' or ''."""
        if self.type.endswith("StateEntered"):
            return "Entered"
        return "Exited" if self.type.endswith("StateExited") else ""


def with_next(events: list[Event]) -> Iterator[tuple[Event, Event | None]]:
    """Each event and the one after it; None after the last."""
    return zip(events, [*events[1:], None], strict=False)


@dataclass(slots=True)
class Attempt:
    """One attempt of a Task that is under way, with what a new engine needs to take it over."""

    execution: int
    event_id: int
    token: str
    waits: bool
    """Whether a callback may end it."""
    handle: dict[str, Any] = field(default_factory=dict)
    """Data by which the integration finds its work again, such as an ECS task's id."""
    answer: dict[str, Any] | None = None
    """The content of SendTaskSuccess or SendTaskFailure: {output} or {error, cause}."""
    heartbeat: float | None = None
    """Wall time of the last sign of life."""
    closed: bool = False
    beat: float = 0.0
    """The same on this engine's monotonic clock; not kept."""
