"""Kills a process at any of its system calls that change files, SQLite's and the interpreter's (ptrace(2)).

``killed_at(work, nth)`` forks, lets the child do ``work`` and sends SIGKILL at its nth stop; each such call
has one stop before it and one after. Nothing of the work has to know.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
from collections.abc import Callable

__all__ = ["can_trace", "killed_at"]

_TRACEME, _SYSCALL, _SETOPTIONS, _GET_SYSCALL = 0, 24, 0x4200, 0x420E
_KILL_WITH_TRACER, _MARK_SYSCALLS = 0x100000, 1
_ENTRY = 1
# write, pwrite, fsync, fdatasync, ftruncate, rename, mkdir, link, unlink, chmod, setxattr, and their like
_CHANGING = {
    "x86_64": {1, 18, 74, 75, 77, 82, 83, 86, 87, 90, 91, 188, 190, 258, 263, 264, 265, 316},
    "aarch64": {64, 68, 82, 83, 46, 38, 34, 37, 35, 52, 53, 5, 7, 276},
}.get(platform.machine(), set())
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def killed_at(work: Callable[[], object], nth: int) -> bool:
    """Do ``work`` in a child that is killed at its nth stop; whether it was (False: it ended before)."""
    child = os.fork()
    if child == 0:
        _do(work)
    os.waitpid(child, 0)  # it stopped itself
    _ptrace(_SETOPTIONS, child, _KILL_WITH_TRACER | _MARK_SYSCALLS)
    stops, number, pending = 0, 0, 0
    while True:
        _ptrace(_SYSCALL, child, pending)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            assert code == 0, f"the work failed in the child: {code}"
            return False
        at_syscall = os.WSTOPSIG(status) == signal.SIGTRAP | 0x80
        pending = 0 if at_syscall else os.WSTOPSIG(status)
        if at_syscall:
            number = _entered(child) or number
            stops += number in _CHANGING
        if stops == nth:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True


def can_trace() -> bool:
    """Whether this system lets a process trace its own children, and its calls are known here."""
    if _LIBC is None or not _CHANGING:
        return False
    try:
        return not killed_at(os.getpid, 10**9)
    except (OSError, AssertionError):
        return False


def _entered(child: int) -> int | None:
    """The number of the system call that begins; None where one ends."""
    info = ctypes.create_string_buffer(88)
    _ptrace(_GET_SYSCALL, child, ctypes.addressof(info), len(info))
    return struct.unpack_from("<Q", info.raw, 24)[0] if info.raw[0] == _ENTRY else None


def _ptrace(request: int, pid: int, data: int = 0, address: int = 0) -> None:
    assert _LIBC is not None
    _LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    _LIBC.ptrace.restype = ctypes.c_long
    if _LIBC.ptrace(request, pid, address, data) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")


def _do(work: Callable[[], object]) -> None:
    code = 1
    try:
        _ptrace(_TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()
        code = 0
    finally:
        os._exit(code)
