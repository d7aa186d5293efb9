"""Where a run is followed from: an engine in this process, or another's endpoint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from stepherd.cli.client import Call, execution_arn, local_call, remote_call

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine
    from stepherd.engine.lock import EngineAddress

__all__ = ["OwnSource", "RemoteSource", "Source", "new_events"]

_POLL_SECONDS = 0.25


class Source(Protocol):
    """An engine that can be asked, and a way to wait for news."""

    call: Call

    async def news(self, run_id: str, after: int) -> list[dict[str, Any]]:
        """The run's events with ids above ``after``."""

    async def changed(self) -> None:
        """Return when there may be something new, after a moment at the latest."""


class OwnSource:
    """The engine of this process. Its calls raise what made it give up: a journal that cannot be written."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self.call = local_call(engine.api)

    async def news(self, run_id: str, after: int) -> list[dict[str, Any]]:
        return new_events(self.call, run_id, after)

    async def changed(self) -> None:
        await self._engine.engine.changed(_POLL_SECONDS)


class RemoteSource:
    """An engine in another process: asked four times a second, without holding up the clocks meanwhile."""

    def __init__(self, address: EngineAddress) -> None:
        self.call = remote_call(address)

    async def news(self, run_id: str, after: int) -> list[dict[str, Any]]:
        return await asyncio.to_thread(new_events, self.call, run_id, after)

    async def changed(self) -> None:
        await asyncio.sleep(_POLL_SECONDS)


def new_events(call: Call, run_id: str, after: int) -> list[dict[str, Any]]:
    """The events of a run with ids above ``after``, in order.

    The history is asked for newest first, so that what is known already is not read again.
    """
    request: dict[str, Any] = {"executionArn": execution_arn(run_id), "reverseOrder": True, "maxResults": 200}
    found: list[dict[str, Any]] = []
    while True:
        answer = call("GetExecutionHistory", request)
        events = [event for event in answer["events"] if event["id"] > after]
        found += events
        if len(events) < len(answer["events"]) or "nextToken" not in answer:
            return found[::-1]
        request["nextToken"] = answer["nextToken"]
