"""One question by either client, and the events that came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from amazon_q_streaming_client import (
    ClientOptions,
    Event,
    QStreamingClient,
    QStreamingClientSync,
    RetryPolicy,
    collect,
    collect_sync,
)

__all__ = ["ONCE", "Ask", "ask_async", "ask_sync", "ask_times"]

ONCE = RetryPolicy(attempts=1)

Ask = Callable[[str, list[Event]], None]


def ask_async(url: str, seen: list[Event]) -> None:
    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=url, retry=ONCE, timeout=5) as client:
            stream = client.generate_assistant_response("q")
            async for item in stream:
                seen.append(item)  # noqa: PERF401  what came before an error counts

    asyncio.run(run())


def ask_sync(url: str, seen: list[Event]) -> None:
    with QStreamingClientSync(access_token="tok", endpoint=url, retry=ONCE, timeout=5) as client:
        seen.extend(client.generate_assistant_response("q"))


def ask_times(chosen: ClientOptions, times: int, *, blocking: bool) -> list[str]:
    """Ask one question after the other with one client, and return the texts of the answers."""

    async def run() -> list[str]:
        async with QStreamingClient(**chosen) as client:
            return [(await collect(client.generate_assistant_response("q"))).text for _ in range(times)]

    if not blocking:
        return asyncio.run(run())
    with QStreamingClientSync(**chosen) as client:
        return [collect_sync(client.generate_assistant_response("q")).text for _ in range(times)]
