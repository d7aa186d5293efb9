"""Many answers at a time: a server that waits for all questions, and threads that read."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from amazon_q_streaming_client import ClientOptions, QError, QStreamingClient, QStreamingClientSync, collect
from asking import ONCE
from frames import text
from loopback import Loopback, Reply, Request

__all__ = ["MANY", "Reading", "ask_together", "options", "together"]

MANY = 5


def options(server: Loopback, **more: Any) -> ClientOptions:
    given: Any = {"access_token": "tok", "endpoint": server.url, "retry": ONCE, "timeout": 60, **more}
    chosen: ClientOptions = given
    return chosen


def together(count: int) -> Any:
    """A handler that answers when ``count`` requests are open, so that each has a connection of its own."""
    waiting: list[asyncio.Event] = []

    async def handler(_: Request, reply: Reply) -> None:
        mine = asyncio.Event()
        waiting.append(mine)
        if len(waiting) == count:
            for each in waiting:
                each.set()
        if len(waiting) <= count:
            await mine.wait()
        await reply.stream(text("x"))

    return handler


async def ask_together(client: QStreamingClient, count: int) -> None:
    await asyncio.gather(*(collect(client.generate_assistant_response("q")) for _ in range(count)))


class Reading:
    """A thread that reads a stream, and what it got of it."""

    def __init__(self, client: QStreamingClientSync) -> None:
        self.outcome: str | QError | None = None
        self._stream = client.generate_assistant_response("q")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            self.outcome = self._stream.final_answer().text
        except QError as error:
            self.outcome = error

    def end(self) -> str | QError | None:
        self._thread.join(10)
        assert not self._thread.is_alive(), "the read goes on"
        return self.outcome
