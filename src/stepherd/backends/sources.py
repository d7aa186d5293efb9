"""Where a run is followed from: an engine in this process, another's endpoint, or AWS (stack/source.py)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from stepherd.backends.client import Call, local_call, remote_call
from stepherd.history.progress import Progress, StateRow
from stepherd.history.runs import events_after

if TYPE_CHECKING:
    from stepherd.engine.journal.lock import EngineAddress
    from stepherd.engine.local import LocalEngine

__all__ = ["RemoteSource", "OwnSource", "EndpointSource", "Source", "events_after", "learn"]

_POLL_SECONDS = 0.25


class Source(Protocol):
    """Something that carries runs and can be asked, and a way to wait for news."""

    call: Call

    async def news(self, arn: str, after: int) -> list[dict[str, Any]]:
        """The execution's events with ids above ``after``."""

    async def changed(self) -> None:
        """Return when there may be something new, after a moment at the latest."""

    def unfinished(self) -> bool:
        """Whether anything may still begin or end there by itself, as far as that is known here."""


class RemoteSource(ABC):
    """A source that lives without this process, so that whoever follows may leave."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.tell: Callable[[str], None] = lambda _words: None
        """Takes what is to be said once, such as that there is no answer for a while."""

    @abstractmethod
    async def news(self, arn: str, after: int) -> list[dict[str, Any]]:
        """The same as for any ``Source``."""

    @abstractmethod
    async def changed(self) -> None:
        """The same as for any ``Source``."""

    def unfinished(self) -> bool:
        return True


class OwnSource:
    """The engine of this process. Its calls raise what made it give up: a journal that cannot be written."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self.call = local_call(engine.api)

    async def news(self, arn: str, after: int) -> list[dict[str, Any]]:
        return events_after(self.call, arn, after)

    async def changed(self) -> None:
        await self._engine.engine.changed(_POLL_SECONDS)

    def unfinished(self) -> bool:
        return self._engine.unfinished()


class EndpointSource(RemoteSource):
    """An engine in another process: asked four times a second, without holding up the clocks meanwhile."""

    def __init__(self, address: EngineAddress) -> None:
        super().__init__(remote_call(address))

    async def news(self, arn: str, after: int) -> list[dict[str, Any]]:
        return await asyncio.to_thread(events_after, self.call, arn, after)

    async def changed(self) -> None:
        await asyncio.sleep(_POLL_SECONDS)


def learn(call: Call, arn: str, progress: Progress) -> list[StateRow]:
    """Take what is new of a run, and of the logins that its states wait for; the rows that changed."""
    changed = progress.feed(events_after(call, arn, progress.last_event))
    for row, login in progress.logins():
        if login.feed(events_after(call, login.arn, login.last_event)) and row not in changed:
            changed.append(row)
    return changed
