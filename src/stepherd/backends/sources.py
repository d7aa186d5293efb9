"""Where a run is followed from: an engine in this process, another's endpoint, or AWS (stack/source.py)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from stepherd.backends.asking import in_background
from stepherd.backends.client import Call, Refused, local_call, remote_call
from stepherd.history.progress import Progress, StateRow
from stepherd.history.runs import events_after

if TYPE_CHECKING:
    from stepherd.engine.journal.lock import EngineAddress
    from stepherd.engine.local import LocalEngine

__all__ = ["RemoteSource", "OwnSource", "EndpointSource", "Source", "events_after", "learn"]

_POLL_SECONDS = 0.25
_LEAST_SECONDS = 0.1
_MOMENT_SECONDS = 2.0
_LONG_SECONDS = 20.0


class Source(Protocol):
    """Something that carries runs and can be asked, and a way to wait for news."""

    call: Call

    async def news(self, arn: str, after: int) -> list[dict[str, Any]]:
        """The execution's events with ids above ``after``."""

    async def changed(self) -> None:
        """Return when there may be news of what was asked for."""

    async def anything(self) -> None:
        """Return when there may be news of anything, after a moment at the latest."""

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

    async def anything(self) -> None:
        await self.changed()

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

    async def anything(self) -> None:
        await self.changed()

    def unfinished(self) -> bool:
        return self._engine.unfinished()


class EndpointSource(RemoteSource):
    """An engine in another process. It answers when there is news, so that waiting costs next to nothing."""

    def __init__(self, address: EngineAddress) -> None:
        super().__init__(remote_call(address))
        self._known: dict[str, int] = {}
        """The last event of each execution that was asked for."""
        self._changes: int | None = None
        self._polls = False

    async def news(self, arn: str, after: int) -> list[dict[str, Any]]:
        found = await in_background(lambda: events_after(self.call, arn, after))
        self._known[arn] = found[-1]["id"] if found else after
        return found

    async def changed(self) -> None:
        await self._until_change({"seconds": _LONG_SECONDS, "after": self._known})

    async def anything(self) -> None:
        await self._until_change({"seconds": _MOMENT_SECONDS})

    async def _until_change(self, request: dict[str, Any]) -> None:
        # Other runs of a busy engine wake us, too.
        await asyncio.sleep(_POLL_SECONDS if self._polls else _LEAST_SECONDS)
        if self._polls:
            return
        asked = {**request, "changes": self._changes}
        try:
            answer = await in_background(lambda: self.call("StepherdAwaitChange", asked))
        except Refused as error:
            if error.code != "UnknownOperationException":
                raise
            self._polls = True  # Of an earlier version.
        else:
            self._changes = answer["changes"]


def learn(call: Call, arn: str, progress: Progress) -> list[StateRow]:
    """Take what is new of a run, and of the logins that its states wait for; the rows that changed."""
    changed = progress.feed(events_after(call, arn, progress.last_event))
    for row, login in progress.logins():
        if login.feed(events_after(call, login.arn, login.last_event)) and row not in changed:
            changed.append(row)
    return changed
