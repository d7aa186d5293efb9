"""A run's events and states as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.backends.client import EngineGone
from stepherd.backends.sources import events_after
from stepherd.client.records import Event, State, Update
from stepherd.errors import TemporaryError
from stepherd.history.progress import Progress
from stepherd.remedies import Remedy

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend
    from stepherd.backends.sources import RemoteSource
    from stepherd.history.logins import LoginProgress
    from stepherd.history.progress import StateRow

__all__ = ["follow"]

_PATIENCE_SECONDS: Final = 10.0
"""How long an engine may take that is on its way, such as the successor of one that has ended."""


async def follow(backend: Backend, run_id: str) -> AsyncIterator[Update]:
    """Every event of a run, from its first to its last, as they come.

    Raises NotFoundError, and TemporaryError where the run has not ended and no engine carries it.
    """
    arn, progress = backend.execution_arn(run_id), Progress()
    while True:
        for event in await asyncio.to_thread(_read, backend, arn, progress.last_event):
            yield _update(progress, event)
        if progress.status != "RUNNING":
            return
        source = await backend.find(_PATIENCE_SECONDS)
        if source is None:
            raise TemporaryError(
                f"{run_id} is not finished, and no engine runs here.",
                remedy=Remedy("Continue it with: ", ("resume", run_id)),
            )
        try:
            async for update in _until_its_end(source, arn, progress):
                yield update
        except EngineGone:
            continue  # Another one has the home by now, or its journal tells the rest.


def _read(backend: Backend, arn: str, after: int) -> list[dict[str, Any]]:
    with backend.reading() as call:
        return events_after(call, arn, after)


async def _until_its_end(source: RemoteSource, arn: str, progress: Progress) -> AsyncIterator[Update]:
    while progress.status == "RUNNING":
        await source.changed()
        for event in await source.news(arn, progress.last_event):
            yield _update(progress, event)
        for row, login in list(progress.logins()):
            for update in _of_login(row, login, await source.news(login.arn, login.last_event), progress):
                yield update


def _of_login(
    row: StateRow, login: LoginProgress, events: list[dict[str, Any]], progress: Progress
) -> Iterator[Update]:
    """The events of a login that change what its state waits for."""
    for event in events:
        if login.feed([event]):
            yield Update(Event.of(event), (State.of(row, progress.status),), progress.status)


def _update(progress: Progress, event: Mapping[str, Any]) -> Update:
    # By the event's clock: of a run that is over, an early update is of a state that had just begun.
    changed, now = progress.feed([event]), float(event["timestamp"])
    return Update(
        Event.of(event), tuple(State.of(row, progress.status, now) for row in changed), progress.status
    )
