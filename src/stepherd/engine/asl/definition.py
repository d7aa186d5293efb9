"""A state machine definition, read into types. ``parse`` in loading.py makes these from text.

Names and meaning follow the Amazon States Language, in the JSONata dialect.
"""

from __future__ import annotations

from dataclasses import dataclass

from stepherd.engine.asl.templates import Template

__all__ = [
    "Catcher",
    "ChoiceRule",
    "ChoiceState",
    "FailState",
    "GuardedState",
    "MapState",
    "ParallelState",
    "PassState",
    "Resource",
    "Retrier",
    "State",
    "StateMachine",
    "States",
    "SucceedState",
    "TaskState",
    "WaitState",
]


@dataclass(frozen=True, slots=True)
class Retrier:
    """One element of ``Retry``. Times are seconds."""

    errors: tuple[str, ...]
    interval: float = 1
    max_attempts: int = 3
    backoff_rate: float = 2.0
    max_delay: float | None = None
    full_jitter: bool = False


@dataclass(frozen=True, slots=True)
class Catcher:
    """One element of ``Catch``."""

    errors: tuple[str, ...]
    next: str
    output: Template | None = None
    assign: Template | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """The service and action of a Task: ``ecs``/``runTask.sync``, its pattern taken apart."""

    service: str
    action: str
    pattern: str = ""
    function: str = ""
    """The name of the function when the resource is a Lambda function's own ARN; else empty."""
    arn: str = ""
    """The resource as it was written."""

    @property
    def name(self) -> str:
        """As the history's ``resource`` writes it: ``runTask.sync``."""
        return f"{self.action}.{self.pattern}" if self.pattern else self.action

    @property
    def waits_for_token(self) -> bool:
        """Whether the task ends by a callback."""
        return self.pattern == "waitForTaskToken"

    @property
    def waits_for_job(self) -> bool:
        """Whether the task ends when the job it started ends."""
        return self.pattern.startswith("sync")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The fields of every state. ``next`` is None where the state ends its machine or branch."""

    name: str
    next: str | None = None
    output: Template | None = None
    assign: Template | None = None

    @property
    def type(self) -> str:
        """The state's type, as its events begin: ``Pass`` in ``PassStateEntered``."""
        return type(self).__name__.removesuffix("State")


@dataclass(frozen=True, slots=True, kw_only=True)
class PassState(State):
    """Passes its input, or its ``Output``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SucceedState(State):
    """Ends its machine or branch well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailState(State):
    """Ends its machine or branch with an error."""

    error: Template | None = None
    cause: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitState(State):
    """Waits: exactly one of ``seconds`` and ``timestamp``."""

    seconds: Template | None = None
    timestamp: Template | None = None


@dataclass(frozen=True, slots=True)
class ChoiceRule:
    """One element of ``Choices``."""

    condition: Template
    next: str
    output: Template | None = None
    assign: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceState(State):
    """Takes the first rule whose condition is true; ``next`` is the Default."""

    choices: tuple[ChoiceRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedState(State):
    """A state with Retry and Catch."""

    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState(GuardedState):
    """A state that calls a service."""

    resource: Resource
    arguments: Template | None = None
    timeout: Template | None = None
    heartbeat: Template | None = None
    role: Template | None = None


@dataclass(frozen=True, slots=True)
class States:
    """A ``StartAt`` and its ``States``: a machine's body, a branch, an item processor."""

    start_at: str
    states: dict[str, State]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelState(GuardedState):
    """Runs its branches at the same time."""

    branches: tuple[States, ...]
    arguments: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapState(GuardedState):
    """Runs its processor once per item, inline."""

    processor: States
    items: Template | None = None
    item_selector: Template | None = None
    max_concurrency: Template | None = None
    tolerated_count: Template | None = None
    tolerated_percentage: Template | None = None


@dataclass(frozen=True, slots=True)
class StateMachine:
    """A whole definition. ``timeout`` is in seconds."""

    body: States
    timeout: float | None = None
    comment: str = ""
