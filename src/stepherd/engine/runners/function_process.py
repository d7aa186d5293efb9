"""The process of a function's worker: forked where that can be done, else started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from stepherd.engine.runners.forking import INHERITED, Forked, ForkServer, Start
from stepherd.engine.runners.function_channel import send

__all__ = ["FunctionProcess"]

_PROGRAM = "stepherd.engine.runners.function_program"


class FunctionProcess:
    """``function_program`` in a session of its own. It begins as soon as there is an object.

    Raises OSError when no process can be had; what is found out later is its ``error``.

    ``channel`` is the engine's end of the pair of sockets that it serves (``function_channel``).
    """

    def __init__(
        self,
        handler: str,
        code: Path,
        environment: Mapping[str, str],
        log: IO[bytes],
        forks: ForkServer | None = None,
    ) -> None:
        self._code = code
        self._shown = {name: environment[name] for name in INHERITED if name in environment}
        self._asked = threading.Lock()
        self._wanted = True
        self._started: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None
        self._forked: Forked | None = None
        self.error: OSError | None = None
        """Why there is no process: none could be started."""
        self._log = os.dup(log.fileno())
        try:
            self.channel, self._theirs = socket.socketpair()
        except OSError:
            os.close(self._log)
            raise
        try:
            self._begin(forks)
        except OSError:
            os.close(self._log)
            self.channel.close()
            self._theirs.close()
            raise
        with contextlib.suppress(
            BrokenPipeError, ConnectionResetError
        ):  # Its end is handled by the code that waits for it.
            send(self.channel, {"handler": handler, "environment": dict(environment)})

    def _begin(self, forks: ForkServer | None) -> None:
        if forks:
            self._forked = forks.fork(Start(_PROGRAM, self._code), self._log, self._theirs.fileno())
        if self._forked is None:
            self._start()
        else:
            self._forked.tell([], {})

    def wait(self) -> int:
        """Wait for the end; the exit code, -n for signal n. Once only. Without a process it is 0 at once."""
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
                        self._start_late()
            self._theirs.close()  # So that it is closed for this side as soon as the process is gone.
            return self._pid

    def _start_late(self) -> None:
        try:
            self._start()
        except OSError as error:
            self.error = error

    def _start(self) -> None:
        self._started = subprocess.Popen(
            [sys.executable, "-m", _PROGRAM],
            cwd=self._code,
            env=self._shown,
            stdin=self._theirs.fileno(),
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._pid = self._started.pid
