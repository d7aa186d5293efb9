"""Slow expressions, one a turn: between two of them the engine's loop hears signals, timers and calls.

Without it, five hundred executions whose states became ready at once would evaluate five hundred slow
expressions before the loop looks at anything else. Executions take turns: one with ten thousand branches gets
no more of them than one with a single state.
"""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["TURN", "Turn"]

_LONG = 0.05
"""Seconds of evaluation in one turn of the loop, after which further states wait for the next turn."""


class Turn:
    """The time spent in the present turn of the event loop, and the owners that wait for the next turn."""

    __slots__ = ("_loop", "_spent", "_waiting")

    def __init__(self) -> None:
        self._spent = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[object, deque[asyncio.Future[None]]] = {}

    @property
    def used_up(self) -> bool:
        """Whether an expression that may be slow has to wait for the next turn."""
        return self._spent > _LONG

    def spend(self, seconds: float) -> None:
        """Count an expression that took so many seconds."""
        self._spent += seconds

    async def wait(self, owner: object) -> None:
        """Wait for a turn in which there is time: owners go one after the other, and of one owner the first
        that waits is the first that goes."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._waiting.clear()
        future: asyncio.Future[None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._next, loop)
        self._waiting.setdefault(owner, deque()).append(future)
        await future

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let one continue. The next follows in the next turn, when it is known what this one has spent."""
        if self._loop is not loop:
            return
        self._spent = 0.0
        while self._waiting:
            owner = next(iter(self._waiting))
            line = self._waiting.pop(owner)
            future = line.popleft()
            if line:
                self._waiting[owner] = line
            if not future.done():
                future.set_result(None)
                break
        if self._waiting:
            loop.call_soon(self._next, loop)


TURN = Turn()
"""The turn of this process's engine: it has one loop."""
