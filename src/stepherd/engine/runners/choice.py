"""Which runner the tasks of an execution get: noted when it starts, so that every later engine knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepherd.engine.identity import JOURNAL
from stepherd.engine.journal.lock import HomeLock
from stepherd.engine.runners.contract import ProcessRunner, Runner
from stepherd.processes.sandbox import SANDBOXED

if TYPE_CHECKING:
    from stepherd.engine.runners.container_runner import Needs
    from stepherd.engine.runners.forking import ForkServer

__all__ = [
    "AS_PROCESSES",
    "CONTAINER_RUNNERS",
    "SANDBOX",
    "RunnerChoice",
    "Runners",
    "read_choice",
    "settled_choice",
    "write_choice",
]

CONTAINER_RUNNERS = ("podman", "docker")
SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class RunnerChoice:
    """How tasks run: as a ``process``; as a process that puts what is not ours into a ``sandbox``; or in
    their image with ``podman`` or ``docker``."""

    runner: str = "process"
    image: str = ""
    """Instead of the image of the task definition; empty: that one."""


AS_PROCESSES = RunnerChoice()


def write_choice(home: Path, execution: str, choice: RunnerChoice) -> None:
    """Note the choice for the execution of that name, before it starts."""
    path = _path(home, execution)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(choice)), "utf-8")
    new.replace(path)


def read_choice(home: Path, execution: str) -> RunnerChoice | None:
    """The runner noted for an execution; None for one that no one chose for."""
    try:
        return RunnerChoice(**json.loads(_path(home, execution).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def settled_choice(home: Path, execution_arn: str) -> RunnerChoice | None:
    """The runner that an execution's tasks got, by the home's journal; before the first one, the noted one.

    Never the note of one that has had tasks: one that ran as a process could have written it.
    """
    # Only now: tasks that are started need no SQLite of this process.
    from stepherd.engine.journal.database import Journal

    lock = HomeLock(home)
    try:
        # A live engine has the journal open: then it is no one else's to check.
        journal = Journal(home / JOURNAL, alone=lock.acquire())
        try:
            settled = _settled(attempt.handle for attempt in journal.attempts_of(execution_arn))
        finally:
            journal.close()
    finally:
        lock.release()
    return settled or read_choice(home, execution_arn.rpartition(":")[2])


def _settled(handles: Iterable[Mapping[str, Any]]) -> RunnerChoice | None:
    return next((RunnerChoice(**handle["runner"]) for handle in handles if "runner" in handle), None)


def _path(home: Path, execution: str) -> Path:
    return home / "runners" / f"{execution}.json"


class Runners:
    """The runners of a home: each made once."""

    def __init__(
        self,
        home: Path,
        default: RunnerChoice | None = None,
        *,
        needs: Needs | None = None,
        forks: ForkServer | None = None,
        runner: Runner | None = None,
        handles: Callable[[str], Iterable[Mapping[str, Any]]] = lambda _arn: (),
    ) -> None:
        """``default`` is for executions that no one chose for. A ``runner`` that is given serves all.

        ``handles`` gives what is noted of the tasks that an execution has had, the first of them first.
        """
        self._home = home
        self._default = default or AS_PROCESSES
        self._needs = needs
        self._forks = forks
        self._runner = runner
        self._handles = handles
        self._settled: dict[str, RunnerChoice] = {}
        self._made: dict[RunnerChoice, Runner] = {}

    def choose(self, execution_arn: str) -> RunnerChoice:
        """The choice for an execution. Its first task settles it.

        Later tasks get what the first one got, because a task that runs as a process can write to the note
        (decision 0009): the image of a task that has credentials is not for it to choose.
        """
        if execution_arn not in self._settled:
            self._settled[execution_arn] = self._first_choice(execution_arn)
        return self._settled[execution_arn]

    def forget(self, execution_arn: str) -> None:
        """An execution of that name has been removed: what it had settled is not for the next one."""
        self._settled.pop(execution_arn, None)

    def _first_choice(self, execution_arn: str) -> RunnerChoice:
        if (settled := _settled(self._handles(execution_arn))) is not None:
            return settled
        execution = execution_arn.rpartition(":")[2]
        found = read_choice(self._home, execution)
        if found is None and self._default != AS_PROCESSES:
            write_choice(self._home, execution, self._default)
        return found or self._default

    def of(self, handle: Mapping[str, object]) -> Runner:
        """The runner of an attempt, by what ``noted`` left in its handle."""
        words = handle.get("runner") or {}
        return self._make(RunnerChoice(**words) if isinstance(words, dict) else AS_PROCESSES)

    def noted(self, choice: RunnerChoice) -> dict[str, str]:
        """A choice as a handle keeps it."""
        return asdict(choice)

    def _make(self, choice: RunnerChoice) -> Runner:
        if self._runner is not None:
            return self._runner
        if choice not in self._made:
            self._made[choice] = self._new(choice)
        return self._made[choice]

    def _new(self, choice: RunnerChoice) -> Runner:
        if choice.runner not in CONTAINER_RUNNERS:
            return ProcessRunner(self._forks, {SANDBOXED: "1"} if choice.runner == SANDBOX else {})
        # Only now: most runs have no containers.
        from stepherd.engine.runners.container_runner import ContainerRunner

        return ContainerRunner(choice.runner, image=choice.image, needs=self._needs)
