"""The input and the output of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stepherd.errors import StepherdError
from stepherd.runs.folder import RunFolder
from stepherd.runs.request import Request
from stepherd.runs.result import Result
from stepherd.services.redaction import Redactor

if TYPE_CHECKING:
    from stepherd.steps.termination import Termination

__all__ = ["Done", "Step", "StepContext"]


@dataclass(frozen=True, slots=True)
class StepContext:
    """The input of a step."""

    folder: RunFolder
    request: Request
    scratch: Path
    """An empty private folder, removed afterwards."""
    termination: Termination
    redactor: Redactor = field(default_factory=Redactor)
    """Knows every secret that this process holds; a step that reads more teaches it. The step's output is
    masked with it."""
    attempt: str = ""
    """The machine's name for this try."""
    runs: int = 1
    """How many tries of the step came to an end, with this one."""

    @property
    def allow_local(self) -> bool:
        """Whether this machine's disk is that of the caller."""
        return self.folder.reference.startswith("file://")


@dataclass(frozen=True, slots=True)
class Done:
    """The facts that a step found, and what went wrong in spite of them, if anything."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    error: StepherdError | None = None


class Step(Protocol):
    """A step: a module with these two functions."""

    def work(self, step: StepContext) -> Done:
        """Do the work. A StepherdError that is raised fails the step without facts."""
        ...

    def holds(self, before: Result, folder: RunFolder) -> bool:
        """Whether an earlier success is still the answer to what lies in the folder."""
        ...
