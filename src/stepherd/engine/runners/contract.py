"""How a container's command is run: as a process, or, by ``container_runner``, in its image."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from stepherd.engine.runners.forking import ForkServer
from stepherd.engine.runners.processes import LocalProcess, interpreter_path

__all__ = ["ContainerSpec", "ProcessRunner", "Runner"]


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container as a task definition describes it, beyond its command and environment."""

    image: str = ""
    user: str = ""
    """As ``docker run --user`` takes it; empty: the runner's choice."""
    capabilities: frozenset[str] = frozenset()
    """Linux capabilities that the command may have."""
    memory: int | None = None
    """The most memory in MiB."""


class Runner(Protocol):
    """Starts the container of a task."""

    def process(self, folder: Path, name: str) -> LocalProcess:
        """The container of that name in its folder, whether it runs or not."""

    async def start(
        self, process: LocalProcess, spec: ContainerSpec, argv: Sequence[str], environment: Mapping[str, str]
    ) -> str | None:
        """Start it in the process's folder; the reason, in ECS's words, when it cannot be started."""


class ProcessRunner:
    """Runs the command itself: the image plays no part."""

    def __init__(
        self, forks: ForkServer | None = None, environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """``forks`` starts the programs that it knows. Every task also gets ``environment``."""
        self._forks = forks
        self._environment = environment

    def process(self, folder: Path, name: str) -> LocalProcess:
        """A process of this machine."""
        return LocalProcess(folder, name)

    async def start(
        self,
        process: LocalProcess,
        spec: ContainerSpec,  # noqa: ARG002 - a process has neither image nor user of its own
        argv: Sequence[str],
        environment: Mapping[str, str],
    ) -> str | None:
        """Start the command as a process of this machine; ``python`` is the interpreter that runs here."""
        environment = {"PATH": interpreter_path(), **environment, **self._environment}
        own = argv and argv[0] in ("python", "python3")
        command = [sys.executable, *argv[1:]] if own else list(argv)
        if not command or shutil.which(command[0], path=interpreter_path()) is None:
            program = command[0] if command else "command"
            return f"CannotStartContainerError: {program}: executable file not found in $PATH"
        try:
            if not await self._fork(process, argv, environment):
                process.start(command, environment)
        except OSError as error:
            return f"CannotStartContainerError: {error.strerror}"
        return None

    async def _fork(self, process: LocalProcess, argv: Sequence[str], environment: Mapping[str, str]) -> bool:
        module = self._forks and self._forks.module_of(argv)
        if not self._forks or not module:
            return False
        return await process.start_forked(self._forks, module, argv[3:], environment)
