"""Asking in a thread, while clocks and keys are attended to."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["in_background"]

_Answer = TypeVar("_Answer")


def in_background(ask: Callable[[], _Answer]) -> asyncio.Future[_Answer]:
    """Ask in a thread that holds up neither Ctrl-C nor the end of the process, as an executor's would."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Answer] = loop.create_future()

    def take(found: _Answer) -> None:
        if not answer.cancelled():
            answer.set_result(found)

    def fail(error: BaseException) -> None:
        if not answer.cancelled():
            answer.set_exception(error)

    def work() -> None:
        with contextlib.suppress(RuntimeError):  # No one waits any more: the loop is closed.
            try:
                found = ask()
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is taken
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(take, found)

    threading.Thread(target=work, daemon=True, name="ask").start()
    return answer
