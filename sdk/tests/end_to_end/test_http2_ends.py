"""A server that shuts down in order: it says so, and then answers what it was asked before."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from amazon_q_streaming_client import (
    ClientOptions,
    RequestTimeoutError,
    StreamBrokenError,
    TransportError,
)
from asking import ONCE, ask_times
from frames import text
from http2_chaos import frame
from loopback import Loopback, Reply, Request

GO_AWAY, NO_ERROR, INTERNAL = 7, 0, 2
LAST = 2**31 - 1
"""What a server sends first that still takes what is on its way."""


async def says_goodbye(reply: Reply, last: int, reason: int = NO_ERROR) -> None:
    wire: Any = reply.wire
    wire.writer.write(frame(GO_AWAY, 0, 0, struct.pack(">II", last, reason)))
    await wire.writer.drain()


def options(server: Loopback, trust: Any, library: str) -> ClientOptions:
    given: Any = {
        "access_token": "tok",
        "endpoint": server.url,
        "http2": True,
        "verify": trust,
        "http_library": library,
        "retry": ONCE,
        "timeout": 10,
    }
    chosen: ClientOptions = given
    return chosen


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_an_answer_that_began_is_read_to_its_end(
    tls_server: Loopback, trust: Any, library: str, blocking: bool
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await says_goodbye(reply, LAST)
        await reply.head()
        await reply.data(text("a"))
        await says_goodbye(reply, 1)
        await reply.data(text("b"))

    tls_server.handler = handler
    assert ask_times(options(tls_server, trust, library), 3, blocking=blocking) == ["ab"] * 3
    assert tls_server.accepted == 3, "a connection that will end is not used again"


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_the_second_answer_of_a_connection_is_read_to_its_end(
    tls_server: Loopback, trust: Any, library: str
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        if len(tls_server.requests) == 2:
            await says_goodbye(reply, 3)
        await reply.data(text("a"))

    tls_server.handler = handler
    assert ask_times(options(tls_server, trust, library), 3, blocking=False) == ["a"] * 3
    assert tls_server.accepted == 2


@pytest.mark.parametrize(
    ("number", "last", "reason"),
    [(1, 0, NO_ERROR), (1, LAST, INTERNAL), (2, 1, NO_ERROR)],
    ids=["not taken", "a failure", "the one before"],
)
def test_an_end_that_is_not_in_order_is_an_error(
    tls_server: Loopback, trust: Any, number: int, last: int, reason: int
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(text("a"))
        if len(tls_server.requests) == number:
            await says_goodbye(reply, last, reason)
        await reply.data(text("b"))

    tls_server.handler = handler
    with pytest.raises(StreamBrokenError):
        ask_times(options(tls_server, trust, "httpx"), number, blocking=False)
    assert len(tls_server.requests) == number


def test_goodbyes_without_an_end_do_not_prolong_the_wait(tls_server: Loopback, trust: Any) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        while True:
            await says_goodbye(reply, LAST)
            await asyncio.sleep(0.01)

    tls_server.handler = handler
    chosen: ClientOptions = {**options(tls_server, trust, "httpx"), "timeout": 1}
    with pytest.raises(TransportError) as caught:
        ask_times(chosen, 1, blocking=False)
    assert not isinstance(caught.value, RequestTimeoutError)
