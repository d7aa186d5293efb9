"""Threads of the engine, and what happens when there are none to be had.

asyncio's own are not used: its loop starts one more thread to end them, and an engine that is to end when no
more can be started would end in a traceback.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

__all__ = ["EXHAUSTED", "in_thread", "shortage", "start_thread"]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_MOST: Final = 32
_pool: Final = ThreadPoolExecutor(_MOST, thread_name_prefix="engine")
EXHAUSTED: Final = (OSError, MemoryError)
"""The errors that mean a shortage: of processes, threads, files, memory or disk."""


async def in_thread(function: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Call a function in another thread; here, where none can be started."""

    def call() -> _T:
        return function(*arguments, **named)

    try:
        future = _pool.submit(call)
    except RuntimeError:  # "can't start new thread"
        return call()
    return await asyncio.wrap_future(future)


def start_thread(target: Callable[[], object], name: str) -> None:
    """Start a daemon thread, which no exit waits for. Raises OSError if the system has no thread left."""
    try:
        threading.Thread(target=target, name=name, daemon=True).start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, "No more threads can be started") from error


def shortage(error: BaseException) -> str:
    """The shortage that ``error`` tells of, in words without a full stop."""
    if isinstance(error, MemoryError):
        return "There is not enough memory"
    if isinstance(error, OSError) and error.errno is not None:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or os.strerror(error.errno)}{where}"
    return str(error) or type(error).__name__
