"""Killing a process before any statement that it gives to SQLite."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

__all__ = ["killed_at"]


def killed_at(statement: int, work: Callable[[], object]) -> bool:
    """Do ``work`` in a process that is killed before its nth statement; whether it came so far."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _count_down(statement)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def _count_down(statement: int) -> None:
    count = 0

    def trace(_: str) -> None:
        nonlocal count
        count += 1
        if count == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    connect = sqlite3.connect

    def traced(*words: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*words, **named)
        connection.set_trace_callback(trace)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]
