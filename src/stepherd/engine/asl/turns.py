"""Slow expressions, one a turn: between two of them the engine's loop hears signals, timers and calls.

Without it, five hundred executions whose states became ready at once would evaluate five hundred slow
expressions before the loop looks at anything else.
"""

from __future__ import annotations

import asyncio

__all__ = ["TURN", "Turn"]

_LONG = 0.05
"""Seconds of evaluation in one turn of the loop, after which further states wait for the next turn."""


class Turn:
    """The time spent on expressions in the present turn of the event loop, in seconds."""

    __slots__ = ("_ending", "_spent")

    def __init__(self) -> None:
        self._spent = 0.0
        self._ending: asyncio.AbstractEventLoop | None = None

    @property
    def used_up(self) -> bool:
        """Whether an expression that may be slow has to wait for the next turn."""
        return self._spent > _LONG

    def spend(self, seconds: float) -> None:
        """Count an expression that took so many seconds."""
        self._spent += seconds

    async def wait(self) -> None:
        """Wait for a turn in which there is time; the first that waits is the first that goes."""
        loop = asyncio.get_running_loop()
        while self.used_up:
            if self._ending is not loop:
                self._ending = loop
                loop.call_soon(self._end)
            await asyncio.sleep(0)

    def _end(self) -> None:
        self._ending = None
        self._spent = 0.0


TURN = Turn()
"""The turn of this process's engine: it has one loop."""
