"""Connections that the client ends, and those that the server ended while they were idle."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from typing import Any

import pytest

from amazon_q_streaming_client import (
    ClientOptions,
    ConfigurationError,
    QError,
    QStreamingClient,
    QStreamingClientSync,
    RetryPolicy,
    StreamBrokenError,
    TransportError,
    collect,
    collect_sync,
)
from amazon_q_streaming_client._connections_sync import Pool, Response
from asking import ONCE
from frames import text
from loopback import Loopback, Reply, Request

MANY = 5


def options(server: Loopback, **more: Any) -> ClientOptions:
    given: Any = {"access_token": "tok", "endpoint": server.url, "retry": ONCE, "timeout": 60, **more}
    chosen: ClientOptions = given
    return chosen


async def held(_: Request, reply: Reply) -> None:
    """One event, and then nothing for as long as the client listens."""
    await reply.head()
    await reply.data(text("first"))
    await asyncio.sleep(3600)


async def nothing(_: Request, __: Reply) -> None:
    await asyncio.sleep(3600)


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
    connected, closed = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        connected.set()
        while await reader.read(65536):
            pass
        closed.set()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        client = QStreamingClient(access_token="tok", endpoint=url, retry=ONCE, connect_timeout=60)
        call = asyncio.ensure_future(collect(client.generate_assistant_response("q")))
        await connected.wait()
        await client.aclose()
        await asyncio.wait_for(closed.wait(), 10)
        with pytest.raises((TransportError, ConfigurationError)):
            await asyncio.wait_for(call, 10)
        server.close()

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
