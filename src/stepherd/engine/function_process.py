"""The process of a function's worker: forked where that can be done, else started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from stepherd.engine.forking import Forked, ForkServer, Start

__all__ = ["FunctionProcess"]

_PROGRAM = "awslambdaric"
"""AWS's runtime interface client, as a module."""


class FunctionProcess:
    """``python -m awslambdaric HANDLER`` in a session of its own. It begins as soon as there is an object."""

    def __init__(
        self,
        handler: str,
        code: Path,
        environment: Mapping[str, str],
        log: IO[bytes],
        forks: ForkServer | None = None,
    ) -> None:
        self._handler = handler
        self._code = code
        self._environment = environment
        self._log = os.dup(log.fileno())
        self._asked = threading.Lock()
        self._wanted = True
        self._started: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._forked: Forked | None = forks.fork(Start(_PROGRAM, code), self._log) if forks else None
        if self._forked is None:
            self._start()
        else:
            self._forked.tell([handler], environment)

    def wait(self) -> int:
        """Wait for the end; the exit code, -n for signal n. Once only."""
        self._begun()
        os.close(self._log)
        if self._started is not None:
            return self._started.wait()
        return self._forked.code() if self._forked else 0

    def kill(self) -> None:
        """Kill it and what it started; ``wait`` is still to come."""
        self._wanted = False
        pid = self._begun()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _begun(self) -> int | None:
        """Wait until there is a process; its id. One that could not be forked is started, if still wanted."""
        with self._asked:
            if self._pid is None and self._forked is not None:
                self._pid = self._forked.pid()
                if self._pid is None:
                    self._forked.leave()
                    self._forked = None
                    if self._wanted:
                        self._start()
            return self._pid

    def _start(self) -> None:
        self._started = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM, self._handler],
            cwd=self._code,
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._pid = self._started.pid
