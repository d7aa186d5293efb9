"""Time, as the engine sees it: wall time for stamps, a timer for waiting, and a clock that tests can turn."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Clock", "SystemClock", "TurnableClock"]


class Clock(Protocol):
    """Time, as far as the engine needs it."""

    def time(self) -> float:
        """Wall time in seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never jump, to measure deadlines by."""

    def timer(self, seconds: float) -> asyncio.Future[None]:
        """A future that is done after so many seconds; cancel it to forget it."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """While held, something outside works: a clock that turns itself must not jump."""


class SystemClock:
    """Real time. Waiting uses the loop's monotonic clock, so a jump of the wall clock changes nothing."""

    def time(self) -> float:
        """Wall time in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """The system's monotonic clock."""
        return time.monotonic()

    def timer(self, seconds: float) -> asyncio.Future[None]:
        """A future that is done after so many seconds of monotonic time."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        handle = loop.call_later(max(0.0, seconds), _finish, future)
        future.add_done_callback(lambda _: handle.cancel())
        return future

    @contextmanager
    def held(self) -> Iterator[None]:
        """Real time cannot be held."""
        yield


class TurnableClock:
    """A clock that stands still until it is turned, or that jumps to the next timer when nothing else works.

    ``automatic`` makes it jump by itself, so that a run with an hour of waiting ends in milliseconds.
    """

    def __init__(self, start: float = 1_750_000_000.0, *, automatic: bool = False) -> None:
        self.now = start
        self._automatic = automatic
        self._timers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._sequence = itertools.count()
        self._holders = 0
        self._watching = False

    def time(self) -> float:
        """The time the clock shows, in seconds since the epoch."""
        return self.now

    def monotonic(self) -> float:
        """The same: this clock only jumps when it is turned."""
        return self.now

    def timer(self, seconds: float) -> asyncio.Future[None]:
        """A future that is done when the clock has been turned so far."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._timers, (self.now + max(0.0, seconds), next(self._sequence), future))
        self._watch()
        return future

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep an automatic clock from jumping while something outside works."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            self._watch()

    async def advance(self, seconds: float) -> None:
        """Turn the clock, firing each timer at its own time and letting what waited for it run."""
        await settle()
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            self._fire()
            await settle()
        self.now = end
        await settle()

    def _fire(self) -> None:
        due, _, future = heapq.heappop(self._timers)
        if not future.done():
            self.now = max(self.now, due)
            future.set_result(None)

    def _watch(self) -> None:
        if self._automatic and not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_soon(self._jump_when_idle, 10)

    def _jump_when_idle(self, patience: int) -> None:
        loop = asyncio.get_running_loop()
        if self._holders or not self._timers:
            self._watching = False
        elif patience:
            loop.call_soon(self._jump_when_idle, patience - 1)
        else:
            self._fire()
            loop.call_soon(self._jump_when_idle, 10)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def settle(rounds: int = 20) -> None:
    """Let everything that is ready run."""
    for _ in range(rounds):
        await asyncio.sleep(0)
