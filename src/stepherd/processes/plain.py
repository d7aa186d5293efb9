"""A tree without containment: found by /proc, group and parent, and ended process by process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO

from stepherd.processes.account import Account
from stepherd.processes.descendants import (
    children_of_this_process,
    end_tree,
    has_children,
    has_no_children,
    signal_tree,
)
from stepherd.processes.tree import Command, Proof

__all__ = ["PlainTree"]

_NO_MEANS = "this system offers no means to prove that nothing it started still runs"
_ALIVE = "processes that it started are still running, and start others faster than they can be ended"


class PlainTree:
    """A tree as ``tree.Tree`` has it, started by this process, which should adopt orphans before."""

    def __init__(self, command: Command, account: Account | None) -> None:
        """Start it. Raises OSError."""
        self._before = children_of_this_process()
        self._proof: Proof | None = None
        self._child = subprocess.Popen(
            command.argv,
            stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=command.environment,
            cwd=command.folder,
            start_new_session=True,
            umask=command.umask,
            user=None if account is None else account.user,
            group=None if account is None else account.group,
            extra_groups=None if account is None else [],
        )
        self._handle: int | None = None
        if hasattr(os, "pidfd_open"):
            with suppress(OSError):  # A filter may forbid it: then there is polling.
                self._handle = os.pidfd_open(self._child.pid)

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

    def fileno(self) -> int | None:
        """As ``tree.Tree`` has it."""
        return self._handle

    def poll(self) -> int | None:
        """As ``tree.Tree`` has it."""
        self._reap_orphans()
        code = self._child.poll()
        return code if code is None or code >= 0 else 128 - code

    def _reap_orphans(self) -> None:
        if not sys.platform.startswith("linux"):
            return  # They go to init, which reaps them.
        ours = self._before | {self._child.pid}
        with suppress(ChildProcessError):
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if found.si_pid not in ours:
                    os.waitpid(found.si_pid, 0)
                    continue
                # Whoever started that one asks for its end, late or never: the others do not wait behind it.
                for pid in children_of_this_process() - ours:
                    os.waitpid(pid, os.WNOHANG)
                return

    def signal(self, number: signal.Signals, *, everyone: bool) -> None:
        """As ``tree.Tree`` has it."""
        if everyone:
            signal_tree(self._child.pid, self._before, number)
        else:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, number)

    def busy(self) -> bool:
        """As ``tree.Tree`` has it."""
        return has_children(self._child.pid, self._before)

    def end(self) -> Proof:
        """As ``tree.Tree`` has it."""
        if self._proof is None:
            if self._child.poll() is None:
                signal_tree(self._child.pid, self._before, signal.SIGKILL)
                self._child.wait()
            left = end_tree(self._child.pid, self._before)
            self._proof = Proof("alive", _ALIVE) if left else self._prove()
            for stream in (self.stdin, self.stdout, self.stderr):
                if stream is not None:
                    stream.close()
            if self._handle is not None:
                os.close(self._handle)
        return self._proof

    def _prove(self) -> Proof:
        """A look through all processes proves nothing: what starts others may pass by unseen. To have no
        children does."""
        if not sys.platform.startswith("linux"):
            return Proof("unproven", _NO_MEANS)
        if has_no_children():
            return Proof("proven")
        # Of these no more is known than that they were there before: what the tree left could be among them.
        return Proof("unproven", _NO_MEANS) if self._before else Proof("alive", _ALIVE)
