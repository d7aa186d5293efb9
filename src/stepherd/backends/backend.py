"""Where a command's runs are: the embedded engine of a home, or a deployed stack. Commands ask it alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from stepherd.backends.client import PIPELINE, Call
from stepherd.cloud.contexts import LOCAL, Contexts, read_contexts
from stepherd.errors import StepherdError, UsageError

if TYPE_CHECKING:
    from stepherd.backends.home.logs import Line
    from stepherd.backends.kept_work import Kept
    from stepherd.backends.sources import Elsewhere
    from stepherd.cli.output import Output
    from stepherd.engine.local import LocalEngine
    from stepherd.engine.runners.choice import RunnerChoice
    from stepherd.runs.request import Request
    from stepherd.services.store.contract import Store

__all__ = [
    "Choice",
    "Place",
    "TaskLines",
    "choose",
    "only_local",
    "open_place_of",
    "suggested_option",
]

VARIABLE: Final = "STEPHERD_CONTEXT"


class TaskLines(Protocol):
    """What the tasks of a run write."""

    last_event: int
    states: dict[str, None]
    """The states that have logs, in order."""
    poll_seconds: float
    """How long to wait before looking again."""
    late_seconds: float
    """How long after the run's end its last lines may still come."""

    def learn(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take new events of the history: which tasks there are."""

    def last(self, count: int, *, final: bool) -> list[Line]:
        """The last lines, in the order of the tasks; what came before is passed over."""
        ...

    def new(self, *, final: bool) -> Iterator[Line]:
        """Lines since the last call; with ``final`` those without an end, too."""
        ...


class Place(Protocol):
    """Everything that a command needs to know of where runs are."""

    @property
    def context(self) -> str:
        """The name of the context."""
        ...

    @property
    def title(self) -> str:
        """For words such as "no runs in …"."""
        ...

    @property
    def where(self) -> str:
        """The place with all that tells it from others; empty for this machine."""
        ...

    @property
    def background(self) -> str:
        """Where a run goes on without us: "in the background"."""
        ...

    def machine_arn(self, machine: str = PIPELINE) -> str:
        """The ARN of a state machine of the application."""
        ...

    def execution_arn(self, name: str, machine: str = PIPELINE) -> str:
        """The ARN of an execution of it: of a run, by its id."""
        ...

    def knows(self, arn: str) -> bool:
        """Whether an execution of this ARN can be asked for here."""
        ...

    def console(self, run_id: str) -> str | None:
        """The address of a run's page in the AWS console."""
        ...

    def reading(self) -> AbstractContextManager[Call]:
        """Calls for commands that only look."""
        ...

    def store(self) -> Store:
        """The store with the run folders and logins."""
        ...

    def login_database(self, kind: str, given: str | None) -> str:
        """The reference of the database of a kind of login; empty: its own place in the store."""
        ...

    def keys_secret(self) -> str | None:
        """The secret with the API keys; None where there is none."""
        ...

    def task_lines(self, run_id: str, only: str | None) -> TaskLines:
        """What a run's tasks wrote; of one state alone where ``only`` names it."""
        ...

    async def attach(self, engine: LocalEngine | None = None) -> Elsewhere | LocalEngine:
        """What carries runs: asked from now on, or an engine of our own that is not open yet."""
        ...

    async def find(self, seconds: float) -> Elsewhere | None:
        """What carries runs already; None when nothing does within so many seconds."""
        ...

    def runner(self, kind: str | None, image: str | None) -> RunnerChoice | None:
        """What --runner and --image say; None when nothing. Raises UsageError where they make no sense."""
        ...

    def runner_of(self, run_id: str) -> RunnerChoice | None:
        """What the tasks of a run got; None where there was no choice, or none was made."""
        ...

    def check_push(self, request: Request, base_commit: str | None) -> None:
        """Ask the repository, where this machine can, whether the run could push to its branch. Raises what
        ``probe`` does."""
        ...

    def start(
        self,
        output: Output,
        run_id: str,
        request: dict[str, Any],
        runner: RunnerChoice | None,
        *,
        detach: bool,
    ) -> int:
        """Check a request, start it, show it to its end or leave it; the exit code."""
        ...

    def stop(self, output: Output, run_id: str, request: Mapping[str, str]) -> Kept | None:
        """Stop a run, and wait until it is gone and its work is kept; also when it was stopped before.
        Returns what became of its work."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """Which context is meant."""

    name: str
    why: str


def choose(home: Path, given: str | None) -> Choice:
    """The context of one command: --context, else STEPHERD_CONTEXT, else the default of the home's file.

    Raises UsageError for an empty name, ConfigurationError for a file that makes no sense.
    """
    for name, why in ((given, "--context"), (os.environ.get(VARIABLE), VARIABLE)):
        if name:
            return Choice(name, f"chosen by {why}")
    if given is not None:
        raise UsageError("--context names none.", remedy="See those that there are: stepherd context")
    contexts = read_contexts(home)
    return Choice(contexts.default, "the default" if contexts.known else "there is no other")


def open_place_of(home: Path, choice: Choice) -> Place:
    """The place of a context. Raises NotFoundError for one that is not there, ConfigurationError."""
    contexts = Contexts() if choice.name == LOCAL else read_contexts(home)
    context = contexts.find(choice.name)
    if context is None:
        from stepherd.backends.home.backend import HomePlace

        return HomePlace(home)
    from stepherd.backends.stack.backend import StackPlace

    return StackPlace(home, context)


def only_local(output: Output, what: str, instead: str) -> None:
    """Refuse what only the embedded engine has. Raises UsageError when a stack was chosen."""
    name = output.choice.name
    if name != LOCAL:
        words = f"{what} is of the embedded engine, and the context is '{name}' ({output.choice.why})."
        raise UsageError(words, remedy=instead)


def suggested_option(home: Path, given: str | None) -> str:
    """`` --context NAME`` for commands that are suggested, where they would choose another one without it."""
    if not given:
        return ""
    try:
        return "" if choose(home, None).name == given else f" --context {given}"
    except StepherdError:
        return f" --context {given}"
