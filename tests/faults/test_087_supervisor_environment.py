"""Fault 87: an agent of the same user tries to read the environment of the process that supervises it."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stepherd.processes.account import hide_this_process

NOBODY = 65534
_PR_SET_DUMPABLE = 4

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")


def _readable_by_a_child(prepare: Callable[[], object]) -> bool:
    """Whether a child of a process that was prepared so, of one unprivileged user, reads its environment."""
    pid = os.fork()
    if pid == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            # Giving up root made the process unreadable; the agent's supervisor did not.
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        prepare()
        os._exit(_try_to_read(os.getpid()))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _try_to_read(target: int) -> int:
    pid = os.fork()
    if pid == 0:
        # As an agent is: a process of its own, started after the fork, readable itself.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        try:
            Path(f"/proc/{target}/environ").read_bytes()
            os._exit(0)
        except PermissionError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_without_the_defence_the_environment_is_read() -> None:
    assert _readable_by_a_child(lambda: None)


def test_with_it_it_is_not() -> None:
    assert not _readable_by_a_child(hide_this_process)
