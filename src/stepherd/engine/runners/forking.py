"""Processes that begin with their code loaded: forked from one process that has loaded it (decision 0008).

``python -m MODULE …`` spends most of a short task's time on loading code, and every task and function of a
run loads the same. On Linux alone: elsewhere a process cannot be given its marker after it was forked.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepherd.processes.marked import MARKER

__all__ = ["INHERITED", "ForkServer", "Forked", "Start"]

INHERITED = ("LANG", "LC_ALL", "TZ", "PYTHONPATH")
"""Variables that a Python process needs when it starts; it gets all others later, in private."""
# By its path: what is loaded need not be where Stepherd is.
_PROGRAM = Path(__file__).with_name("fork_program.py")
_MARKER_ROOM = 512


@dataclass(frozen=True, slots=True)
class Start:
    """How a program is to begin, but for what is private: that is its order."""

    module: str
    folder: Path
    """The folder that it works in."""
    marker: str = ""
    """The value of MARKER in its environment and those of all that come from it."""
    notes: Path | None = None
    """The folder that gets ``pid``, ``ready`` when it has its order, and ``exit``; else ``Forked`` says."""


class ForkServer:
    """One process that has loaded code, and what is asked of it. It ends with this one."""

    def __init__(
        self, programs: Collection[str], loads: str, environment: Mapping[str, str], home: Path
    ) -> None:
        """``programs`` are the modules that a task may be; the module ``loads`` is loaded beforehand.

        Loading it must start nothing and depend on no variable: each program has its own environment.
        The list of processes shows ``home`` for the server and its forks.
        """
        self._home = home
        self._programs = frozenset(programs)
        self._loads = loads
        self._environment = {name: environment[name] for name in INHERITED if name in environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> None:
        """Begin to load, unless that has been done. Nothing is forked where that cannot be: not on Linux."""
        if self._process is not None or not hasattr(os, "pidfd_open"):
            return
        try:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            return  # Programs are started, then.
        with theirs, contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    str(_PROGRAM),
                    str(theirs.fileno()),
                    MARKER,
                    self._loads,
                    str(self._home),
                ],
                cwd="/",
                env={**self._environment, MARKER: "-" * _MARKER_ROOM},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # A module that cannot be loaded here will fail again in the program, which reports it.
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def module_of(self, argv: Sequence[str]) -> str | None:
        """The module of a task's ``python -m MODULE …``, when it is one of the programs."""
        python = len(argv) > 2 and argv[0] in ("python", "python3") and argv[1] == "-m"
        return argv[2] if python and argv[2] in self._programs else None

    def fork(self, start: Start, *files: int) -> Forked | None:
        """Ask for a process; None when no one is there to fork it.

        ``files`` are what it writes to and then, where there are ``notes``, the lock that its keeper holds,
        elsewhere its standard input. They can be closed afterwards.
        """
        if self._control is None:
            return None
        wanted = {
            "module": start.module,
            "folder": str(start.folder),
            "marker": start.marker,
            "notes": str(start.notes or ""),
        }
        order = os.pipe()
        try:
            status = os.pipe()
        except OSError:
            os.close(order[0])
            os.close(order[1])
            raise
        try:
            socket.send_fds(self._control, [json.dumps(wanted).encode()], [order[0], status[1], *files])
        except OSError:
            os.close(order[1])
            os.close(status[0])
            return None
        finally:
            os.close(order[0])
            os.close(status[1])
        return Forked(order[1], status[0])

    def close(self) -> None:
        """End it; what it has forked continues."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = None


class Forked:
    """A process that was asked for. ``tell`` it first; ``pid`` and ``code`` wait, so ask in a thread."""

    def __init__(self, order: int, status: int) -> None:
        self._order = order
        self._status = os.fdopen(status, "rb")

    def tell(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Give it its order. A long one waits until the process takes it."""
        told = {"arguments": list(arguments), "environment": dict(environment)}
        with contextlib.suppress(BrokenPipeError), os.fdopen(self._order, "wb") as stream:
            stream.write(json.dumps(told).encode() + b"\n")

    def pid(self) -> int | None:
        """Wait for its process id; None when it was never forked: then nothing has begun."""
        line = self._status.readline()
        return int(line) if line else None

    def code(self) -> int:
        """After ``pid``, where there are no notes: wait for the end; the exit code, -n for signal n."""
        line = self._status.readline()
        self._status.close()
        return int(line) if line else -signal.SIGKILL

    def leave(self) -> None:
        """Take no more notice of it."""
        self._status.close()
