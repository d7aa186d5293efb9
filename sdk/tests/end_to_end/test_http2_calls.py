"""Calls over HTTP/2 do not disturb each other, and end within their own time limits."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import h2.settings
import pytest

from amazon_q_streaming_client import (
    ClientOptions,
    QError,
    QStreamingClient,
    QStreamingClientSync,
    RequestTimeoutError,
    StreamBrokenError,
    collect,
    collect_sync,
)
from asking import ONCE
from frames import text
from loopback import Loopback, Reply, Request

pytestmark = pytest.mark.parametrize("library", ["httpx", "httpx2"])


def options(server: Loopback, trust: ssl.SSLContext, library: str, timeout: float) -> ClientOptions:
    return {
        "access_token": "tok",
        "endpoint": server.url,
        "http2": True,
        "verify": trust,
        "retry": ONCE,
        "timeout": timeout,
        "http_library": "httpx2" if library == "httpx2" else "httpx",
    }


async def pings(_: Request, reply: Reply) -> None:
    """Send bytes for ever, and nothing of the answer."""
    wire: Any = reply.wire
    while True:
        wire.connection.ping(bytes(8))
        await wire.flush()
        await asyncio.sleep(0.01)


async def pings_after_the_first(request: Request, reply: Reply) -> None:
    await reply.head()
    await reply.data(text("first"))
    await pings(request, reply)


@pytest.mark.parametrize(
    ("script", "error"), [(pings, RequestTimeoutError), (pings_after_the_first, StreamBrokenError)]
)
def test_what_is_no_answer_does_not_prolong_the_wait(
    tls_server: Loopback, trust: ssl.SSLContext, library: str, script: Any, error: type[QError]
) -> None:
    async def run() -> None:
        async with QStreamingClient(**options(tls_server, trust, library, 0.2)) as client:
            await asyncio.wait_for(collect(client.generate_assistant_response("q")), 20)

    tls_server.handler = script
    with pytest.raises(error, match="in time"):
        asyncio.run(run())
    with (
        QStreamingClientSync(**options(tls_server, trust, library, 0.2)) as client,
        pytest.raises(error, match="in time"),
    ):
        collect_sync(client.generate_assistant_response("q"))
    tls_server.wait_idle()


def test_a_server_may_lower_the_number_of_streams_while_answers_are_open(
    tls_server: Loopback, trust: ssl.SSLContext, library: str
) -> None:
    """On a shared connection httpcore 1 waits for a place while it holds the lock of all that read."""
    both = asyncio.Event()

    async def handler(_: Request, reply: Reply) -> None:
        wire: Any = reply.wire
        await reply.head()
        await reply.data(text("one "))
        if len(tls_server.requests) == 2:
            both.set()
        await both.wait()
        wire.connection.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1})
        await wire.flush()
        await reply.data(text("two"))

    async def run() -> list[str]:
        async with QStreamingClient(**options(tls_server, trust, library, 5)) as client:
            questions = [collect(client.generate_assistant_response("q")) for _ in range(2)]
            return [answer.text for answer in await asyncio.gather(*questions)]

    tls_server.handler = handler
    assert asyncio.run(run()) == ["one two"] * 2


def test_a_call_does_not_wait_for_the_time_limit_of_another(
    tls_server: Loopback, trust: ssl.SSLContext, library: str
) -> None:
    """GIVEN a patient call that waits, THEN an impatient one ends by its own limit."""
    asked = asyncio.Event()

    async def run() -> None:
        async with QStreamingClient(**options(tls_server, trust, library, 20)) as client:
            patient = asyncio.ensure_future(collect(client.generate_assistant_response("q")))
            while not tls_server.requests:
                await asyncio.sleep(0.001)
            with pytest.raises(RequestTimeoutError):
                await collect(client.with_options(timeout=0.1).generate_assistant_response("q"))
            assert not patient.done()
            tls_server._loop.call_soon_threadsafe(asked.set)
            assert (await patient).text == "at last"

    async def handler(_: Request, reply: Reply) -> None:
        await asked.wait()
        await reply.stream(text("at last"))

    tls_server.handler = handler
    asyncio.run(run())


def test_an_answer_that_is_left_is_not_sent_on(
    tls_server: Loopback, trust: ssl.SSLContext, library: str
) -> None:
    """The libraries do not reset a stream that is left; the service would go on with it."""
    gone = asyncio.Event()

    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        try:
            while True:
                await reply.data(text("more "))
                await asyncio.sleep(0.001)
        finally:
            gone.set()

    async def run() -> None:
        async with QStreamingClient(**options(tls_server, trust, library, 5)) as client:
            async with client.generate_assistant_response("q") as stream:
                await anext(stream)
            waiting = asyncio.run_coroutine_threadsafe(gone.wait(), tls_server._loop)
            await asyncio.wait_for(asyncio.wrap_future(waiting), 5)

    tls_server.handler = handler
    asyncio.run(run())
