"""What closing a client ends: reads, calls that connect, idle connections; and nothing of other processes."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from typing import Any

import pytest

from amazon_q_streaming_client import (
    ConfigurationError,
    QStreamingClient,
    QStreamingClientSync,
    StreamBrokenError,
    TransportError,
    collect,
)
from amazon_q_streaming_client._connections_sync import Pool, Response
from asking import ONCE
from frames import text
from handshakes import SilentServer
from loopback import Loopback, Reply, Request
from many import MANY, Reading, ask_together, options, together


async def held(_: Request, reply: Reply) -> None:
    """One event, and then nothing for as long as the client listens."""
    await reply.head()
    await reply.data(text("first"))
    await asyncio.sleep(3600)


async def nothing(_: Request, __: Reply) -> None:
    await asyncio.sleep(3600)


@pytest.mark.parametrize("handler", [nothing, held], ids=["before the answer", "in the answer"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_closing_a_blocking_client_ends_the_reads_of_other_threads(
    server: Loopback, tls_server: Loopback, trust: ssl.SSLContext, secure: bool, handler: Any
) -> None:
    asked = threading.Event()

    async def noted(request: Request, reply: Reply) -> None:
        asyncio.get_running_loop().call_later(0.05, asked.set)
        await handler(request, reply)

    chosen = tls_server if secure else server
    chosen.handler = noted
    client = QStreamingClientSync(**options(chosen, verify=trust))
    reading = Reading(client)
    assert asked.wait(10)
    client.close()
    outcome = reading.end()
    assert isinstance(outcome, StreamBrokenError if handler is held else TransportError)


def test_an_answer_that_lasts_as_long_as_its_connection_is_not_whole_when_the_client_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = QStreamingClientSync(
            access_token="tok", endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}", retry=ONCE
        )
        reading = Reading(client)
        accepted = listener.accept()[0]
        accepted.recv(65536)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n\r\n"
        accepted.sendall(head + text("half of it"))
        while not reading._stream.answer_so_far.text:
            threading.Event().wait(0.001)
        client.close()
        assert isinstance(reading.end(), StreamBrokenError)
        accepted.close()


def test_a_call_in_the_handshake_of_tls_is_not_sent_once_the_client_is_closed() -> None:
    async def run() -> None:
        async with SilentServer() as server:
            client = QStreamingClient(access_token="tok", endpoint=server.url, retry=ONCE, connect_timeout=60)
            call = asyncio.ensure_future(collect(client.generate_assistant_response("q")))
            await server.connected.wait()
            await client.aclose()
            await asyncio.wait_for(server.closed.wait(), 10)
            with pytest.raises((TransportError, ConfigurationError)):
                await asyncio.wait_for(call, 10)

    asyncio.run(run())


class FakeStream:
    closed = False

    def read(self) -> None: ...

    def get_extra_info(self, _: str) -> None:
        return None

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def test_a_connection_that_opens_when_the_client_is_closed_is_closed_too(server: Loopback) -> None:
    client = QStreamingClientSync(**options(server))
    response = Response(client._transport._pool)
    response._connection = client._transport._pool.take(server.url, 1)
    client.close()
    stream = FakeStream()
    with pytest.raises(ConfigurationError, match="closed"):
        response._trace("socks.connect_tcp.complete", {"return_value": stream})
    assert stream.closed


def test_closing_a_client_closes_all_connections_although_it_is_cancelled(server: Loopback) -> None:
    async def cancelled_after(turns: int) -> bool:
        server.handler = together(MANY)
        client = QStreamingClient(**options(server))
        await ask_together(client, MANY)
        closing = asyncio.ensure_future(client.aclose())
        for _ in range(turns):
            await asyncio.sleep(0)
        done = closing.done()
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        if turns:  # before its first turn a task is cancelled without having begun
            await asyncio.to_thread(server.wait_idle)
        await client.aclose()
        await asyncio.to_thread(server.wait_idle)
        return done

    async def run() -> None:
        turns = 0
        while not await cancelled_after(turns):
            turns += 1
        assert turns > 1

    asyncio.run(run())


def test_no_thread_of_a_forked_process_finds_the_connections_of_the_parent(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = QStreamingClientSync(**options(server))
    of_the_parent = client._transport._pool
    seen = []

    def meanwhile(*arguments: Any) -> Any:
        """Another thread asks while this one begins anew."""
        monkeypatch.setattr("amazon_q_streaming_client._transport_sync.Pool", Pool)
        client._transport._check_process()
        seen.append(client._transport._pool)
        return Pool(*arguments)

    monkeypatch.setattr("amazon_q_streaming_client._transport_sync.Pool", meanwhile)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    client._transport._check_process()
    assert of_the_parent not in seen
    assert seen
    client.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_that_closes_the_client_ends_no_answer_of_the_parent(server: Loopback) -> None:
    go_on = threading.Event()

    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(text("before "))
        await asyncio.to_thread(go_on.wait, 10)
        await reply.data(text("after"))

    server.handler = handler
    with QStreamingClientSync(**options(server)) as client:
        stream = client.generate_assistant_response("q")
        next(stream)
        child = os.fork()
        if child == 0:
            try:
                client.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        go_on.set()
        assert stream.final_answer().text == "before after"
