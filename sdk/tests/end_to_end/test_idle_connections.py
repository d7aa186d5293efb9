"""Connections that wait for the next question, or for the next word of an answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from amazon_q_streaming_client import (
    ClientOptions,
    QStreamingClient,
    QStreamingClientSync,
    RetryPolicy,
    collect,
    collect_sync,
)
from frames import text
from loopback import Loopback, Reply, Request
from many import MANY, Reading, ask_together, options, together


async def held(_: Request, reply: Reply) -> None:
    """One event, and then nothing for as long as the client listens."""
    await reply.head()
    await reply.data(text("first"))
    await asyncio.sleep(3600)


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
@pytest.mark.parametrize("http2", [False, True])
def test_idle_connections_that_the_server_closed_are_not_used(
    tls_server: Loopback, trust: ssl.SSLContext, library: str, http2: bool
) -> None:
    """Without a look at them first, each try would end on another one of them."""
    wires: list[Any] = []
    first = together(MANY)

    async def handler(request: Request, reply: Reply) -> None:
        wires.append(reply.wire)
        await first(request, reply)

    async def run() -> None:
        chosen = options(tls_server, verify=trust, http2=http2, http_library=library)
        async with QStreamingClient(**chosen) as client:
            await ask_together(client, MANY)
            for wire in wires:
                tls_server._loop.call_soon_threadsafe(wire.writer.transport.abort)
            await asyncio.to_thread(tls_server.wait_idle)
            assert (await collect(client.generate_assistant_response("q"))).text == "x"

    tls_server.handler = handler
    asyncio.run(run())


@pytest.mark.parametrize("blocking", [False, True])
def test_a_try_on_an_idle_connection_that_is_dead_is_followed_by_one_on_a_new_one(
    server: Loopback, blocking: bool
) -> None:
    """As after a pause of the machine, when the end of the connections has not arrived yet."""
    wires: list[Any] = []
    first = together(MANY)

    async def handler(request: Request, reply: Reply) -> None:
        if reply.wire in wires:
            await reply.reset()
            return
        wires.append(reply.wire)
        await first(request, reply)

    async def run(chosen: ClientOptions) -> None:
        async with QStreamingClient(**chosen) as client:
            await ask_together(client, MANY)
            assert (await collect(client.generate_assistant_response("q"))).text == "x"

    def run_in_threads(chosen: ClientOptions) -> None:
        with QStreamingClientSync(**chosen) as client:
            for reading in [Reading(client) for _ in range(MANY)]:
                assert reading.end() == "x"
            assert collect_sync(client.generate_assistant_response("q")).text == "x"

    server.handler = handler
    chosen = options(server, retry=RetryPolicy(attempts=2, base_delay=0))
    if blocking:
        run_in_threads(chosen)
    else:
        asyncio.run(run(chosen))


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_connections_show_signs_of_life_in_a_long_silence(
    server: Loopback, tls_server: Loopback, trust: ssl.SSLContext, secure: bool
) -> None:
    def is_kept_alive(client: Any) -> bool:
        (taken,) = client._transport._pool._connections._taken
        opened = taken.stream.get_extra_info("socket")
        return bool(opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    async def run(chosen: ClientOptions) -> None:
        async with QStreamingClient(**chosen) as client, client.generate_assistant_response("q") as stream:
            await anext(stream)
            assert is_kept_alive(client)

    chosen = tls_server if secure else server
    chosen.handler = held
    asyncio.run(run(options(chosen, verify=trust)))
    with (
        QStreamingClientSync(**options(chosen, verify=trust)) as client,
        client.generate_assistant_response("q") as stream,
    ):
        next(stream)
        assert is_kept_alive(client)
