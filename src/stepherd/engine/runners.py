"""How a container's command is run: as a process. (Images come with the container's own runner.)"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

from stepherd.engine.processes import LocalProcess, interpreter_path

__all__ = ["ProcessRunner", "Runner"]


class Runner(Protocol):
    """Starts one container."""

    def start(
        self, process: LocalProcess, image: str, argv: Sequence[str], environment: Mapping[str, str]
    ) -> str | None:
        """Start it in the process's folder; the reason, in ECS's words, when it cannot be started."""


class ProcessRunner:
    """Runs the command itself: the image's name plays no part."""

    def start(
        self,
        process: LocalProcess,
        image: str,  # noqa: ARG002 - a process has none
        argv: Sequence[str],
        environment: Mapping[str, str],
    ) -> str | None:
        """Start the command as a process of this machine; ``python`` is the interpreter that runs here."""
        if argv and argv[0] in ("python", "python3"):
            argv = [sys.executable, *argv[1:]]
        if not argv or shutil.which(argv[0], path=interpreter_path()) is None:
            program = argv[0] if argv else "command"
            return f"CannotStartContainerError: {program}: executable file not found in $PATH"
        try:
            process.start(argv, {"PATH": interpreter_path(), **environment})
        except OSError as error:
            return f"CannotStartContainerError: {error.strerror}"
        return None
