"""Following a run to its end, and what Ctrl-C means on the way."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from enum import Enum
from typing import Any

from stepherd.cli.output import Output
from stepherd.cli.progress import Progress
from stepherd.cli.show import make_view
from stepherd.cli.sources import Source, new_events

__all__ = ["Ending", "follow"]


class Ending(Enum):
    """How following came to an end."""

    ENDED = "the run ended"
    INTERRUPTED = "Ctrl-C or SIGTERM"
    HUNG_UP = "the terminal went away"


async def follow(source: Source, run_id: str, output: Output, progress: Progress) -> Ending:
    """Show a run until it ends or somebody interrupts; ``progress`` goes on where it stands."""
    view = make_view(output, run_id)
    try:
        with _signals() as interrupted:
            while progress.status == "RUNNING":
                changed = progress.feed(await new_events(source, run_id, progress.last_event))
                view.update(progress, changed)
                if progress.status != "RUNNING":
                    break
                news = asyncio.ensure_future(source.changed())
                ends: set[asyncio.Future[Any]] = {news, interrupted}
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if interrupted.done():
                    return interrupted.result()
            return Ending.ENDED
    finally:
        view.close()


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Future[Ending]]:
    """A future that a signal settles; a second Ctrl-C while it is handled is an ordinary one."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Ending] = loop.create_future()
    meanings = {
        signal.SIGINT: Ending.INTERRUPTED,
        signal.SIGTERM: Ending.INTERRUPTED,
        signal.SIGHUP: Ending.HUNG_UP,
    }
    for number, meaning in meanings.items():
        loop.add_signal_handler(number, _settle, future, meaning)
    try:
        yield future
    finally:
        for number in meanings:
            loop.remove_signal_handler(number)
        future.cancel()


def _settle(future: asyncio.Future[Ending], meaning: Ending) -> None:
    if not future.done():
        future.set_result(meaning)
