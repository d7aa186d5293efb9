"""Where a run is followed from: an engine in this process, or another's endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from stepherd.cli.client import Call, execution_arn, remote_call
from stepherd.cli.engines import local_call
from stepherd.engine.lock import EngineAddress

if TYPE_CHECKING:
    from stepherd.engine.local import LocalEngine

__all__ = ["CallSource", "OwnSource", "RemoteSource", "Source", "new_events"]

_POLL_SECONDS = 0.3


class Source(Protocol):
    """Calls to an engine, and a way to wait for news."""

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """An operation's answer."""

    async def changed(self) -> None:
        """Return when there may be something new, after a moment at the latest."""


class CallSource:
    """Plain calls, for commands that only look once."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._call(operation, request)

    async def changed(self) -> None:
        """There is nothing to wait for."""


class OwnSource:
    """The engine of this process."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine = engine
        self._call = local_call(engine.api)

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._call(operation, request)

    async def changed(self) -> None:
        await self.engine.engine.changed(_POLL_SECONDS)


class RemoteSource:
    """An engine in another process: asked three times a second."""

    def __init__(self, address: EngineAddress) -> None:
        self.address = address
        self._call = remote_call(address)

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(self._call, operation, request)

    async def changed(self) -> None:
        await asyncio.sleep(_POLL_SECONDS)


async def new_events(source: Source, run_id: str, after: int) -> list[dict[str, Any]]:
    """The events of a run with ids above ``after``, in order.

    The history is asked for newest first, so that what is known already is not read again.
    """
    request: dict[str, Any] = {"executionArn": execution_arn(run_id), "reverseOrder": True, "maxResults": 200}
    found: list[dict[str, Any]] = []
    while True:
        answer = await source.call("GetExecutionHistory", request)
        events = [event for event in answer["events"] if event["id"] > after]
        found += events
        if len(events) < len(answer["events"]) or "nextToken" not in answer:
            return found[::-1]
        request["nextToken"] = answer["nextToken"]
