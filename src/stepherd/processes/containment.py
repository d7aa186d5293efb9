"""A tree below a keeper, ``contained_program``, which the tree cannot reach and which outlives no one.

On Linux alone. ``namespace``: a pid namespace, where the kernel lets this process make one; its end is the
end of all in it, and known by the handle of its first process. ``user``: where this is root and the command
another user, kill(-1) as that user, which needs no more than a container usually may.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

from stepherd.processes.account import Account
from stepherd.processes.descendants import below
from stepherd.processes.marked import MARKER
from stepherd.processes.table import table
from stepherd.processes.tree import Command, Proof

__all__ = ["ContainedTree", "Keeper", "Kind", "Refused", "start_contained"]

Kind = Literal["namespace", "user"]
_PROGRAM: Final = Path(__file__).with_name("contained_program.py")
_MOST_PROCESSES: Final = 8192
"""Of one tree, threads included: more than the largest builds need, less than a machine has."""
_END_SECONDS: Final = 30.0
_ALIVE: Final = "some of its processes still existed long after they were killed"
_UNWATCHED: Final = "the process above them was killed"
_KILLED: Final = 128 + signal.SIGKILL


class Refused(Exception):
    """This machine does not let this process contain a tree in this way."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Whom a keeper starts the command as, and with what it ends it."""

    kind: Kind
    account: Account | None = None
    killer: int = -1
    """Of kind ``user``: a user that no other process has."""
    locks: tuple[int, ...] = ()
    """Files that stay open, and so locked, for as long as the keeper lives."""

    def words(self) -> list[str]:
        """The arguments by which its program gets these settings."""
        user, group = (self.account.user, self.account.group) if self.account else (-1, -1)
        return [str(number) for number in (_MOST_PROCESSES, user, group, self.killer, *self.locks)]


def start_contained(keeper: Keeper, command: Command) -> ContainedTree:
    """Start a command below a keeper. Raises Refused where that cannot be, OSError when exec fails.

    This process should adopt orphans (``account.adopt_orphans``) before.
    """
    order = _order_of(command)
    control, status = os.pipe(), os.pipe()
    try:
        child = _spawn(keeper, command, control[0], status[1])
    except BaseException:
        for descriptor in (*control, *status):
            os.close(descriptor)
        raise
    os.close(control[0])
    os.close(status[1])
    tree = ContainedTree(keeper.kind, child, control[1], status[0])
    try:
        tree.begin(order, command.argv[0])
    except BaseException:
        tree.end()
        raise
    return tree


def _spawn(keeper: Keeper, command: Command, control: int, status: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_PROGRAM), keeper.kind, str(control), str(status), *keeper.words()],
        stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        # The command's own goes through a pipe: the keeper may be root, and is not to be told what to load.
        env={name: os.environ[name] for name in (MARKER,) if name in os.environ},
        cwd=command.folder,
        start_new_session=True,
        umask=command.umask,
        pass_fds=(control, status, *keeper.locks),
    )


class ContainedTree:
    """A tree as ``tree.Tree`` has it."""

    def __init__(self, kind: Kind, child: subprocess.Popen[bytes], control: int, status: int) -> None:
        self._kind = kind
        self._child = child
        self._control = control
        self._status = status
        self._handle = -1
        self._init = 0
        self._unread = b""
        self._code: int | None = None
        self._gone = False
        self._empty = False
        self._proof: Proof | None = None

    @property
    def stdin(self) -> IO[bytes] | None:
        """As ``tree.Tree`` has it."""
        return self._child.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """As ``tree.Tree`` has it."""
        assert self._child.stdout is not None
        return self._child.stdout

    @property
    def stderr(self) -> IO[bytes]:
        """As ``tree.Tree`` has it."""
        assert self._child.stderr is not None
        return self._child.stderr

    def begin(self, order: bytes, program: str) -> None:
        """Give the keeper its order, and see the command begin. Raises Refused, OSError."""
        self._order(b"%016d" % len(order) + order)
        ready = False
        while not (ready and self._init):  # Its first process may be ready before it is known.
            word, _, rest = self._line().partition(" ")
            if word == "init":
                self._init = int(rest)
            elif word == "ready":
                ready = True
            else:
                raise Refused(rest or "its program could not be run")
        try:
            self._handle = os.pidfd_open(self._init)  # It waits for our word, or is a zombie of ours.
        except OSError as error:
            raise Refused(f"pidfd_open: {error.strerror}") from error
        self._order(b"g")
        word, _, rest = self._line().partition(" ")
        if word == "failed":
            raise OSError(int(rest), os.strerror(int(rest)), program)

    def fileno(self) -> int | None:
        """As ``tree.Tree`` has it."""
        return self._status

    def poll(self) -> int | None:
        """As ``tree.Tree`` has it; 137 when the keeper was killed, and the command with it."""
        while self._code is None and self._hears(0):
            self._hear()
        if self._code is None and self._gone:
            self._code = _KILLED
        return self._code

    def _hears(self, seconds: float) -> bool:
        return not self._gone and (b"\n" in self._unread or _readable(self._status, seconds))

    def _hear(self) -> None:
        word, _, rest = self._line().partition(" ")
        if word == "exit":
            self._code = int(rest) if int(rest) >= 0 else 128 - int(rest)
        self._empty = self._empty or word == "empty"

    def signal(self, number: signal.Signals, *, everyone: bool) -> None:
        """As ``tree.Tree`` has it."""
        if self._proof is None:
            self._order(b"%s %d\n" % (b"a" if everyone else b"l", number))

    def busy(self) -> bool:
        """As ``tree.Tree`` has it."""
        rows = {pid: row for pid, row in table().items() if not row.zombie}
        return len(below({self._init}, rows)) > 2  # the keeper and the leader

    def end(self) -> Proof:
        """As ``tree.Tree`` has it."""
        if self._proof is None:
            if self._handle < 0:  # Nothing has begun, and nothing will without a word from here.
                os.close(self._control)
                self._control = -1
                self._proof = Proof("proven")
            else:
                self._proof = self._kill_namespace() if self._kind == "namespace" else self._kill_user()
            self._close()
        return self._proof

    def _kill_namespace(self) -> Proof:
        signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        # It counts as ended when the kernel has emptied the namespace, and not before.
        return Proof("proven") if _readable(self._handle, _END_SECONDS) else Proof("alive", _ALIVE)

    def _kill_user(self) -> Proof:
        self._order(b"e\n")
        end = time.monotonic() + _END_SECONDS
        while not self._empty and self._hears(end - time.monotonic()):
            self._hear()
        if self._empty:
            return Proof("proven")
        return Proof("alive", _UNWATCHED if self._gone else _ALIVE)

    def _close(self) -> None:
        self._gone = True
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        for descriptor in (self._control, self._status, self._handle):
            if descriptor >= 0:
                os.close(descriptor)
        if self._proof == Proof("proven"):
            self._child.wait()
            if self._kind == "namespace" and self._init:
                with suppress(ChildProcessError):
                    os.waitpid(self._init, 0)

    def _order(self, words: bytes) -> None:
        try:
            while words:
                words = words[os.write(self._control, words) :]
        except BrokenPipeError:
            return  # The keeper is gone, as the end of its answers will say.

    def _line(self) -> str:
        """The next answer; empty when there will be none."""
        while b"\n" not in self._unread:
            more = os.read(self._status, 4096)
            if not more:
                self._gone = True
                return ""
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


def _order_of(command: Command) -> bytes:
    pairs = [f"{name}={value}" for name, value in command.environment.items()]
    words = [os.fsencode(word) for word in (str(len(command.argv)), *command.argv, *pairs)]
    if any(b"\0" in word for word in words):
        raise OSError(errno.EINVAL, "a zero byte is in its arguments or its environment", command.argv[0])
    return b"".join(word + b"\0" for word in words)


def _readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))
