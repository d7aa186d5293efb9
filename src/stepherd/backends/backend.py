"""Where runs are, as commands and the client see it: the embedded engine of a home, or a deployed stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from stepherd.backends.client import PIPELINE, Call

if TYPE_CHECKING:
    from stepherd.backends.beginning import Beginning
    from stepherd.backends.home.logs import Line
    from stepherd.backends.kept_work import Kept
    from stepherd.backends.sources import RemoteSource
    from stepherd.engine.local import LocalEngine
    from stepherd.engine.runners.choice import RunnerChoice
    from stepherd.runs.request import Request
    from stepherd.services.store.contract import Store

__all__ = ["Backend", "TaskLines"]


class TaskLines(Protocol):
    """The output of a run's tasks, read piece by piece while they write it."""

    states: dict[str, None]
    """The states that have logs, in order."""
    poll_seconds: float
    """How long to wait before looking again."""
    learn_seconds: tuple[float, float]
    """How long to wait before looking at the history again, at least, and at most while nothing happens."""
    late_seconds: float
    """How long after the run's end its last lines may still come."""

    @property
    def last_event(self) -> int:
        """The last event of the history that it knows."""
        ...

    def learn(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take new events of the history: which tasks there are."""

    def last(self, count: int, *, final: bool) -> list[Line]:
        """The last lines, in the order of the tasks; what came before is passed over."""
        ...

    def new(self, *, final: bool) -> Iterator[Line]:
        """Lines since the last call; with ``final`` those without an end, too."""
        ...


class Backend(Protocol):
    """Everything that there is to ask of where runs are. Shows nothing, and knows of no terminal."""

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
        """The same with all that tells it from others; empty for this machine."""
        ...

    @property
    def background(self) -> str:
        """Where a run continues without us: "in the background"."""
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
        """Return the output of a run's tasks; of one state alone where ``only`` names it."""
        ...

    async def attach(self, engine: LocalEngine | None = None) -> RemoteSource | LocalEngine:
        """Return a source for whatever runs executions here, or an engine of this process, not opened yet."""
        ...

    async def find(self, seconds: float) -> RemoteSource | None:
        """Return a source for an engine that runs already; None where none answers within ``seconds``."""
        ...

    def runner(self, kind: str | None, image: str | None) -> RunnerChoice | None:
        """Return the choice that --runner and --image make, if any. Raises UsageError for a senseless one."""
        ...

    def runner_of(self, run_id: str) -> RunnerChoice | None:
        """Return the runner of a run's tasks; None where there was no choice, or none was made."""
        ...

    def check_push(self, request: Request, base_commit: str | None) -> None:
        """Ask the repository, where this machine can, whether the run could push to its branch. Raises what
        ``probe`` does."""
        ...

    def prepare(
        self, run_id: str, request: dict[str, Any], runner: RunnerChoice | None, *, detach: bool
    ) -> Beginning:
        """Check a request, and take along or warm up what its run begins with; shows nothing.

        With ``detach`` the run is to be begun by ``begin``, otherwise by whoever follows it. Raises what is
        wrong with the request before anything is left behind.
        """
        ...

    def begin(self, beginning: Beginning) -> Call:
        """Begin a run that was prepared to be left alone; calls to what carries it."""
        ...

    def stop(self, run_id: str, request: Mapping[str, str], tell: Callable[[str], None]) -> Kept | None:
        """Stop a run, and wait until it is gone and its work is kept; also when it was stopped before.

        ``tell`` takes lines for a person who waits. Returns what became of the run's work.
        """
        ...
