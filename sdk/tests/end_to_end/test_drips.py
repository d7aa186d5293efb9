"""A server of HTTP/1.1 that sends bytes which are nothing of the answer: they do not prolong the wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from amazon_q_streaming_client import ClientOptions, QError, RequestTimeoutError, StreamBrokenError
from asking import ONCE, ask_times
from frames import text
from loopback import Loopback, Reply, Request

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ntransfer-encoding: chunked\r\n"
)
FIRST = b"\r\n%x\r\n%b\r\n" % (len(text("a")), text("a"))
DRIPS = {
    "hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", RequestTimeoutError),
    "a header": (HEAD + b"x-long: ", b"x", RequestTimeoutError),
    "a chunk": (HEAD + FIRST + b"1;x=", b"x", StreamBrokenError),
}


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize(("start", "drip", "error"), DRIPS.values(), ids=DRIPS)
def test_bytes_that_are_no_answer_do_not_prolong_the_wait(
    server: Loopback, start: bytes, drip: bytes, error: type[QError], blocking: bool
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        wire: Any = reply.wire
        reply.ended = True
        wire.writer.write(start)
        for _drop in range(300):
            wire.writer.write(drip)
            await wire.writer.drain()
            await asyncio.sleep(0.01)
        await reply.cut()

    server.handler = handler
    chosen: ClientOptions = {"access_token": "tok", "endpoint": server.url, "retry": ONCE, "timeout": 0.2}
    with pytest.raises(error, match=r"did not answer in time"):
        ask_times(chosen, 1, blocking=blocking)


@pytest.mark.parametrize("blocking", [False, True])
def test_pieces_of_an_answer_have_the_time_limit_each(server: Loopback, blocking: bool) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        for _piece in range(6):
            await reply.data(text("x"))
            await asyncio.sleep(0.1)

    server.handler = handler
    chosen: ClientOptions = {"access_token": "tok", "endpoint": server.url, "retry": ONCE, "timeout": 0.4}
    assert ask_times(chosen, 2, blocking=blocking) == ["x" * 6] * 2


@pytest.mark.parametrize("blocking", [False, True])
def test_a_proxy_that_refuses_the_login_is_asked_once(server: Loopback, blocking: bool) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        wire: Any = reply.wire
        reply.ended = True
        wire.writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        await wire.writer.drain()
        await reply.cut()

    server.handler = handler
    chosen: ClientOptions = {"access_token": "tok", "proxy": server.url}
    with pytest.raises(QError, match="the proxy asks for another login") as caught:
        ask_times(chosen, 1, blocking=blocking)
    assert "user:password@" in caught.value.remedy
    assert not caught.value.retryable
    assert len(server.requests) == 1
