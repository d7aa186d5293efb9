"""The contract between the interpreter and the services that tasks call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from stepherd.engine.application import Application
    from stepherd.engine.asl.definition import Resource
    from stepherd.engine.core import Engine
    from stepherd.engine.deliveries import Deliveries
    from stepherd.engine.journal.records import Attempt
    from stepherd.engine.runners.choice import Runners
    from stepherd.engine.runners.functions import FunctionPool

__all__ = ["Integration", "Surroundings", "TaskCall"]


@dataclass(frozen=True, slots=True)
class TaskCall:
    """One attempt of a Task: what to call, and where to note what a later engine needs."""

    execution_arn: str
    state: str
    resource: Resource
    parameters: Any
    attempt: Attempt
    save: Callable[[], None]
    """Commit the attempt, its ``handle`` included, before something is started that the handle names."""

    @property
    def id(self) -> str:
        """The attempt's own id: the task token."""
        return self.attempt.token


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts of an engine that its integrations work with."""

    home: Path
    application: Application
    engine: Engine
    pool: FunctionPool
    runners: Runners
    environment: Mapping[str, str]
    """The environment of every container."""
    deliveries: Deliveries
    notices: str
    """Where people are told things; see ``open_notices``."""


class Integration(Protocol):
    """One service. Failures are raised as TaskError with AWS's error names.

    An engine that was killed calls ``submit`` again when TaskSubmitted was not yet written, and ``wait``
    again when it was: both must find what was started before and not start it twice.
    """

    async def submit(self, call: TaskCall) -> Any:
        """Make the request and give the service's answer, as JSON."""

    async def wait(self, call: TaskCall) -> Any:
        """Wait for the job that ``submit`` started, and give its result (``.sync`` only)."""

    async def stop(self, attempt: Attempt) -> None:
        """Stop the job of an attempt whose task is over, if there is one and it still runs."""
