"""The contract of an agent: what it needs, how it is started, and how its outcome is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from stepherd.errors import StepherdError

__all__ = ["Agent", "AgentContext", "AgentFailed", "Ending", "Evidence", "Launch", "Outcome"]

Ending = Literal["exited", "deadline", "silence", "interrupted", "not_started"]


class AgentFailed(StepherdError):
    """The agent ran and did not do its work."""

    category = "agent"


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What an agent is given."""

    run_id: str
    workspace: Path
    """A clone of the repository; the current folder of the agent."""
    instructions: Path
    """A folder with instructions.md."""
    command: str | None = None
    """The request's command line."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an agent: words, not a line for a shell, and what its environment gets on top."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of an agent, from outside it."""

    ending: Ending
    exit_code: int | None
    """As a shell gives it: 128 plus the number for a signal. None when it never started."""
    seconds: float
    last_lines: tuple[str, ...] = ()
    """The end of what it printed, without control characters."""
    limit_seconds: float | None = None
    """The limit that was reached, when one was."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The judgement."""

    status: Literal["succeeded", "failed", "interrupted"]
    error: StepherdError | None = None


class Agent(Protocol):
    """One kind of agent. A module of its own; the registry makes one without arguments."""

    name: ClassVar[str]
    needs_login: ClassVar[bool]
    """Whether the pipeline runs the login machine first."""
    binaries: ClassVar[tuple[str, ...]]
    """Programs that must be on PATH where the agent runs."""

    def check(self, command: str | None) -> None:
        """Whether this agent can work on such a request. Raises UsageError; asked before anything starts."""
        ...

    def plan(self, context: AgentContext) -> Launch:
        """How to start it."""
        ...

    def judge(self, evidence: Evidence) -> Outcome:
        """Whether it did its work: from evidence, because exit codes lie."""
        ...
