"""A command in a sandbox, and everything that it starts: all that is in the sandbox's pid namespace."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from stepherd.errors import ConfigurationError
from stepherd.processes.descendants import below
from stepherd.processes.sandbox.status import StatusReader
from stepherd.processes.table import table
from stepherd.processes.tree import Proof
from stepherd.remedies import RUN, Remedy

if TYPE_CHECKING:
    from stepherd.processes.sandbox.network.egress import Egress

__all__ = ["SandboxTree"]

_PATIENCE: Final = 30.0
"""For the kernel to end what was killed: mostly 2 to 25 ms, but a process that waits for a disk keeps it."""
_BY_SIGNAL: Final = 128


@dataclass(slots=True)
class SandboxTree:
    """The tree of a sandbox; see ``Tree``."""

    process: subprocess.Popen[bytes]
    """bubblewrap itself, which stays outside, and ends when the command does."""
    init: int
    """The process id, outside, of the first process inside: all others are below it, and end with it."""
    status: StatusReader
    egress: Egress | None
    _end_of_init: int
    _end_of_leader: int
    _killed: bool = False
    _proof: Proof | None = None

    @classmethod
    def of(
        cls, process: subprocess.Popen[bytes], status: StatusReader, egress: Egress | None
    ) -> SandboxTree | None:
        """The tree of a bubblewrap that was just started; None when it has failed."""
        init = status.child()
        if init is None:
            return None
        try:
            end_of_init = os.pidfd_open(init)
        except ProcessLookupError:
            return None
        if process.poll() is not None:  # It may have reaped its child: the id could be another's by now.
            os.close(end_of_init)
            return None
        return cls(process, init, status, egress, end_of_init, os.pidfd_open(process.pid))

    @property
    def stdin(self) -> IO[bytes] | None:
        """The command's standard input."""
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The output from inside."""
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def stderr(self) -> IO[bytes]:
        """The output from inside, and bubblewrap's own complaints."""
        assert self.process.stderr is not None
        return self.process.stderr

    def fileno(self) -> int:
        """Readable once the command has ended."""
        return self._end_of_leader

    def poll(self) -> int | None:
        """The command's exit code. Raises ConfigurationError when bubblewrap ended before the command began:
        its exit code is 1 then, as that of a command may be."""
        ended = self.process.poll()
        if ended is None:
            return None
        code = self.status.exit_code()
        if code is not None:
            return code
        if ended == 1 and not self._killed:
            raise ConfigurationError(
                "The sandbox could not be set up, or its command not started: bubblewrap's reason "
                "is in the log.",
                remedy=Remedy("See: ", ("logs", RUN), ". See also: ", ("doctor",)),
            )
        return ended if ended >= 0 else _BY_SIGNAL - ended

    def signal(self, number: signal.Signals, *, everyone: bool) -> None:
        """To the command's group, or to all that is inside. bubblewrap itself would end all at once, so it
        gets none."""
        if self.is_empty():
            return
        if number == signal.SIGKILL and everyone:
            self._kill()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.init, number)
        for pid in self._inside() if everyone else ():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) != self.init:
                    os.kill(pid, number)

    def busy(self) -> bool:
        """Whether anything lives inside besides the command."""
        return len(self._inside()) > 1

    def end(self) -> Proof:
        """Kill the namespace's init: the kernel ends all others before it counts as ended, so that its end is
        the proof that nothing is left."""
        if self._proof is None:
            self._kill()
            gone = self.is_empty(_PATIENCE)
            why = "" if gone else f"The processes in the sandbox did not end within {_PATIENCE:g} s."
            self._proof = Proof("proven" if gone else "alive", why)
            self._close(gone)
        return self._proof

    def _kill(self) -> None:
        if self.process.poll() is None:
            self._killed = True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._end_of_init, signal.SIGKILL)

    def is_empty(self, seconds: float = 0.0) -> bool:
        """Whether nothing lives inside any more; waits for it for so many seconds."""
        if self._end_of_init < 0:
            return True
        ready = select.poll()
        ready.register(self._end_of_init, select.POLLIN)
        return bool(ready.poll(int(seconds * 1000)))

    def _inside(self) -> set[int]:
        """The living processes but for init."""
        rows = table()
        return {pid for pid in below({self.init}, rows) if pid in rows and not rows[pid].zombie} - {self.init}

    def _close(self, gone: bool) -> None:
        if gone:
            self.process.wait()
            with contextlib.suppress(ChildProcessError):  # Ours only when bubblewrap was killed before it.
                os.waitid(os.P_PIDFD, self._end_of_init, os.WEXITED | os.WNOHANG)
        if self.egress is not None:
            self.egress.close()
        self.status.close()
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()
        for handle in (self._end_of_init, self._end_of_leader):
            os.close(handle)
        self._end_of_init = self._end_of_leader = -1
