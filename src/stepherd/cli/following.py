"""Following one run, from whichever engine carries it."""

from __future__ import annotations

import asyncio
from typing import Any

from stepherd.cli.happenings import Happening, Happenings
from stepherd.cli.progress import Progress
from stepherd.cli.sources import Source
from stepherd.cli.views import View

__all__ = ["follow", "wait_for"]

_TICK_SECONDS = 0.2


async def follow(
    source: Source, run_id: str, view: View, progress: Progress, happenings: Happenings
) -> Happening:
    """Show a run until it ends or something happens; ``progress`` goes on where it stands."""
    happened = asyncio.ensure_future(happenings.next())
    clock = asyncio.ensure_future(_tick(view))
    try:
        while True:
            view.update(progress, progress.feed(await source.news(run_id, progress.last_event)))
            if progress.status != "RUNNING":
                return Happening.ENDED
            news = asyncio.ensure_future(source.changed())
            ends: set[asyncio.Future[Any]] = {news, happened}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if happened.done():
                return happened.result()
    finally:
        happened.cancel()
        clock.cancel()


async def wait_for(work: asyncio.Future[Any], view: View, happenings: Happenings) -> bool:
    """Wait for something with the clocks running; False when something happened before."""
    happened, clock = asyncio.ensure_future(happenings.next()), asyncio.ensure_future(_tick(view))
    try:
        ends: set[asyncio.Future[Any]] = {work, happened}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        return work.done()
    finally:
        happened.cancel()
        clock.cancel()


async def _tick(view: View) -> None:
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        view.tick()
