"""Following one execution, from whichever engine carries it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from stepherd.backends.sources import Source
from stepherd.cli.follow.notices import NewNotices
from stepherd.cli.follow.signals import Signal, Signals
from stepherd.cli.follow.views import View
from stepherd.history.progress import Progress, StateRow

__all__ = ["Ticking", "follow_execution", "until_over", "wait_for"]

_TICK_SECONDS = 0.2


class Ticking(Protocol):
    """Something that shows the passing time."""

    def tick(self) -> None:
        """Let the clocks run on."""


async def follow_execution(
    source: Source,
    arn: str,
    view: View,
    progress: Progress,
    signals: Signals,
    notices: NewNotices | None = None,
) -> Signal:
    """Show a run until it ends or a signal comes; ``progress`` continues where it stands.

    ``notices`` are those of an engine that does not show them itself: what the view lacks is said.
    """

    async def refresh() -> bool:
        said = notices.read() if notices else []
        view.update(progress, await _learn(source, arn, progress))
        codes = [row.waiting.user_code for row in progress.rows if row.waiting and row.waiting.user_code]
        for notice in said:
            if not any(code in notice for code in codes):
                view.announce(notice)
        return progress.status != "RUNNING"

    return await until_over(source, refresh, view, signals)


async def until_over(
    source: Source, refresh: Callable[[], Awaitable[bool]], view: Ticking, signals: Signals
) -> Signal:
    """Let ``refresh`` show what is new until it says that all is over, or a signal comes."""
    signalled = asyncio.ensure_future(signals.next())
    clock = asyncio.ensure_future(_tick(view))
    try:
        while True:
            if await refresh():
                return Signal.ENDED
            news = asyncio.ensure_future(source.changed())
            ends: set[asyncio.Future[Any]] = {news, signalled}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if signalled.done():
                return signalled.result()
    finally:
        signalled.cancel()
        clock.cancel()


async def wait_for(work: asyncio.Future[Any], view: Ticking, signals: Signals) -> bool:
    """Wait for something with the clocks running; False when a signal came before."""
    signalled, clock = asyncio.ensure_future(signals.next()), asyncio.ensure_future(_tick(view))
    try:
        ends: set[asyncio.Future[Any]] = {work, signalled}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        return work.done()
    finally:
        signalled.cancel()
        clock.cancel()


async def _learn(source: Source, arn: str, progress: Progress) -> list[StateRow]:
    changed = progress.feed(await source.news(arn, progress.last_event))
    for row, login in list(progress.logins()):
        if login.feed(await source.news(login.arn, login.last_event)) and row not in changed:
            changed.append(row)
    return changed


async def _tick(view: Ticking) -> None:
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        view.tick()
