"""Processes that are started before their task is: what a task would load first, it has loaded by then.

Only for single containers whose command is ``python -m MODULE …``: loading Python code takes longer than most
of what a step does. A process stands by for one task definition, in the folder of a task that is not yet
given out; a task that takes it gets that id.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stepherd.engine.processes import LocalProcess, interpreter_path

if TYPE_CHECKING:
    from stepherd.engine.integrations.ecs import TaskDefinition

__all__ = ["Standbys"]

_INHERITED = ("LANG", "LC_ALL", "TZ", "PYTHONPATH")
_LIST = ".standing-by"
# By its path: the environment that a task will get need not know where Stepherd is.
_PROGRAM = Path(__file__).with_name("standby_program.py")


@dataclass(frozen=True, slots=True)
class _Standby:
    """One process that waits."""

    task: str
    process: LocalProcess
    module: str
    pipe: int

    def dismiss(self) -> None:
        """End it: nobody needs it."""
        os.close(self.pipe)
        leader = self.process.leader()
        if leader:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
        shutil.rmtree(self.process.folder.parent, ignore_errors=True)


class Standbys:
    """At most one process for each task definition, in the folder of the tasks."""

    def __init__(
        self, definitions: Sequence[TaskDefinition], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._definitions = {d.arn: d for d in definitions if len(d.containers) == 1}
        self._folder = folder
        self._inherited = {name: environment[name] for name in _INHERITED if name in environment}
        self._waiting: dict[str, _Standby] = {}
        self._taken: dict[str, _Standby] = {}

    def begin_first(self) -> None:
        """Have a process stand by for the first definition: there is time for the others while it works."""
        self._begin(list(self._definitions.items())[:1])

    def _begin(self, wanted: Iterable[tuple[str, TaskDefinition]], *, but: str = "") -> None:
        for arn, definition in wanted:
            container = definition.containers[0]
            module, words = _module_of(container.command)
            if module and arn != but and arn not in self._waiting:
                task = uuid.uuid4().hex
                process = LocalProcess(self._folder / task / container.name, f"{task}.{container.name}")
                argv = [sys.executable, "-P", str(_PROGRAM), module, *words]
                with contextlib.suppress(OSError):  # Whatever it is, the task itself will meet it and say so.
                    self._note(task)
                    self._waiting[arn] = _Standby(
                        task, process, module, process.stand_by(argv, self._inherited)
                    )

    def take(self, arn: str, argv: Sequence[str]) -> str | None:
        """Give out the process that can run ``argv``; the id of its task, and others stand by. Else None."""
        standby = self._waiting.get(arn)
        if standby is None or _module_of(argv)[0] != standby.module or not standby.process.alive():
            return None
        self._taken[standby.process.name] = self._waiting.pop(arn)
        self._begin(self._definitions.items(), but=arn)
        return standby.task

    def start(self, process: LocalProcess, argv: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Let a process that was taken begin; False when it was not, or is gone and nothing has begun."""
        standby = self._taken.pop(process.name, None)
        if standby is None:
            return False
        try:
            own = {"PATH": interpreter_path(), **environment}
            standby.process.hand_over(standby.pipe, argv[3:], own)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End what still waits."""
        for standby in (*self._waiting.values(), *self._taken.values()):
            standby.dismiss()
        self._waiting.clear()
        self._taken.clear()
        self.tidy()
        with contextlib.suppress(OSError):  # It is gone, or there have been tasks.
            self._folder.rmdir()

    def _note(self, task: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / _LIST).open("a", encoding="ascii") as noted:
            noted.write(f"{task}\n")

    def tidy(self) -> None:
        """Remove the folders of processes that stood by for an engine that was killed, and so are gone."""
        noted = self._folder / _LIST
        with contextlib.suppress(OSError):
            waiting = [task for task in noted.read_text(encoding="ascii").split() if self._still_waits(task)]
            if waiting:
                noted.write_text("".join(f"{task}\n" for task in waiting), encoding="ascii")
            else:
                noted.unlink()

    def _still_waits(self, task: str) -> bool:
        for path in (self._folder / task).glob("*"):
            if LocalProcess(path, f"{task}.{path.name}").alive():
                return not (path / "ready").exists()
            if not (path / "ready").exists():
                shutil.rmtree(path.parent, ignore_errors=True)
        return False


def _module_of(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """The module of ``python -m MODULE ARGUMENT…`` and its arguments."""
    python = len(argv) > 2 and argv[0] in ("python", "python3") and argv[1] == "-m"
    return (argv[2], list(argv[3:])) if python else (None, [])
