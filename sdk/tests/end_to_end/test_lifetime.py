"""Connections and tasks do not outlive their use."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import aclosing
from typing import Literal

import pytest

from amazon_q_streaming_client import (
    ConfigurationError,
    QStreamingClient,
    QStreamingClientSync,
    StreamBrokenError,
    collect,
    collect_sync,
)
from frames import event, text
from handshakes import SilentServer
from loopback import Loopback, Reply, Request

STREAMS = 2_000
CONCURRENT = 4


async def endless(_: Request, reply: Reply) -> None:
    await reply.head()
    while True:
        await reply.data(text("more "))
        await asyncio.sleep(0.001)


async def use(client: QStreamingClient, number: int) -> None:
    """Half of the streams end by themselves, a quarter is left early, a quarter is cancelled."""
    stream = client.generate_assistant_response("q")
    if number % 4 == 1:
        async with stream:
            await anext(stream)
    elif number % 4 == 2:
        task = asyncio.create_task(collect(stream))
        for _ in range(number // 4 % 25):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    else:
        assert (await collect(stream)).text == "ab"


def test_thousands_of_streams_leave_no_connection_and_no_task() -> None:
    """GIVEN streams that end, that are left early and that are cancelled, THEN nothing stays open."""
    body = text("a") + event("meteringEvent", {"usage": 1}) + text("b")

    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(body)

    async def worker(client: QStreamingClient, numbers: range) -> None:
        for number in numbers:
            await use(client, number)

    async def run() -> None:
        async with Loopback(handler=handler).here() as server:
            before = asyncio.all_tasks()
            async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
                share = STREAMS // CONCURRENT
                shares = [range(start, start + share) for start in range(0, STREAMS, share)]
                await asyncio.gather(*(worker(client, share) for share in shares))
                assert open_connections(client) <= CONCURRENT
            await server.idle()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == before
            assert len(server.requests) >= STREAMS * 3 // 4
            assert server.failures == []

    asyncio.run(run())
    gc.collect()


def open_connections(client: QStreamingClient) -> int:
    return len(connection_states(client))


def connection_states(client: QStreamingClient) -> list[str]:
    """What httpx's pools say of their connections, as in 'HTTP/1.1, IDLE, Request Count: 1'."""
    kept = client._transport._pool._connections
    return [
        connection.info()
        for ours in (*kept._idle, *kept._taken)
        for connection in ours.client._transport._pool.connections
    ]


@pytest.mark.parametrize("warm", [False, True], ids=["new connection", "kept connection"])
def test_a_call_cancelled_at_any_moment_leaves_no_connection_in_use(warm: bool) -> None:
    """GIVEN a call that is cancelled after the nth turn of the event loop, for every n until it is done,
    THEN each connection that is left is idle, and the next call works."""
    body = text("a") + text("b")

    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(body)

    async def cancelled_after(turns: int, url: str) -> bool:
        async with QStreamingClient(access_token="tok", endpoint=url) as client:
            if warm:
                await collect(client.generate_assistant_response("q"))
            task = asyncio.create_task(collect(client.generate_assistant_response("q")))
            for _ in range(turns):
                await asyncio.sleep(0)
            ended = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert [state for state in connection_states(client) if "IDLE" not in state] == [], turns
            assert (await collect(client.generate_assistant_response("q"))).text == "ab"
            return ended

    async def run() -> None:
        async with Loopback(handler=handler).here() as server:
            turns = 0
            while not await cancelled_after(turns, server.url):
                turns += 1
            assert turns > 5

    asyncio.run(run())


def test_a_cancelled_call_closes_its_connection_and_no_other(server: Loopback) -> None:
    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            async with client.generate_assistant_response("first") as stream:
                await anext(stream)
                task = asyncio.create_task(collect(client.generate_assistant_response("second")))
                while open_connections(client) < 2:
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert open_connections(client) == 1
                await anext(stream)
            assert open_connections(client) == 0

    server.handler = endless
    asyncio.run(run())


def test_cancelling_the_reader_closes_the_connection(server: Loopback) -> None:
    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            task = asyncio.create_task(collect(client.generate_assistant_response("q")))
            while not server.connections:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert open_connections(client) == 0
            await asyncio.to_thread(server.wait_idle)

    server.handler = endless
    asyncio.run(run())


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_a_call_cancelled_in_the_handshake_of_tls_closes_its_socket(library: str) -> None:
    """The library leaves it to the garbage collector, which can take its time."""

    async def run() -> None:
        chosen: Literal["httpx", "httpx2"] = "httpx2" if library == "httpx2" else "httpx"
        async with (
            SilentServer() as server,
            QStreamingClient(access_token="tok", endpoint=server.url, http_library=chosen) as client,
        ):
            task = asyncio.create_task(collect(client.generate_assistant_response("q")))
            await server.connected.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.wait_for(server.closed.wait(), 10)

    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()


def test_leaving_a_stream_early_closes_the_connection(server: Loopback) -> None:
    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            async with client.generate_assistant_response("q") as stream:
                await anext(stream)
            assert open_connections(client) == 0, "closed on leaving, not some time later"
            await asyncio.to_thread(server.wait_idle)
            async with aclosing(client.generate_assistant_response("q")) as other:
                await other.asend(None)
            await asyncio.to_thread(server.wait_idle)
            with pytest.raises(KeyError):
                await client.generate_assistant_response("q").athrow(KeyError("x"))

    server.handler = endless
    asyncio.run(run())
    with QStreamingClientSync(access_token="tok", endpoint=server.url) as client:
        with client.generate_assistant_response("q") as stream:
            next(stream)
        server.wait_idle()
        with client.generate_assistant_response("q") as again:
            again.send(None)
            with pytest.raises(KeyError):
                again.throw(KeyError("x"))
        server.wait_idle()


def test_a_stream_that_is_dropped_is_closed_by_the_event_loop(server: Loopback) -> None:
    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            async for _ in client.generate_assistant_response("q"):
                break
            gc.collect()
            await asyncio.sleep(0.01)
            await asyncio.to_thread(server.wait_idle)

    server.handler = endless
    asyncio.run(run())


def test_closing_the_client_breaks_the_streams_that_are_still_read(server: Loopback) -> None:
    async def run() -> None:
        client = QStreamingClient(access_token="tok", endpoint=server.url)
        stream = client.generate_assistant_response("q")
        await anext(stream)
        await client.aclose()
        with pytest.raises(StreamBrokenError):
            async for _ in stream:
                pass
        with pytest.raises(ConfigurationError, match="closed"):
            await collect(client.generate_assistant_response("q"))

    server.handler = endless
    asyncio.run(run())
    server.wait_idle()


def test_a_closed_blocking_client_says_so(server: Loopback) -> None:
    client = QStreamingClientSync(access_token="tok", endpoint=server.url)
    client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        collect_sync(client.generate_assistant_response("q"))


def test_many_threads_share_a_blocking_client(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(text("x"))

    server.handler = handler
    answers: list[str] = []
    with QStreamingClientSync(access_token="tok", endpoint=server.url) as client:

        def read() -> None:
            answers.extend(collect_sync(client.generate_assistant_response("q")).text for _ in range(20))

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == ["x"] * 160
    server.wait_idle()


def test_a_client_in_a_second_event_loop_says_so(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(text("x"))

    async def ask(client: QStreamingClient) -> None:
        await collect(client.generate_assistant_response("q"))

    server.handler = handler
    client = QStreamingClient(access_token="tok", endpoint=server.url)
    with asyncio.Runner() as first:
        first.run(ask(client))
        with pytest.raises(ConfigurationError, match="another event loop"), asyncio.Runner() as second:
            second.run(ask(client))
        with pytest.raises(ConfigurationError, match="another event loop"), asyncio.Runner() as third:
            third.run(client.aclose())
        first.run(client.aclose())


def test_trio_is_told_that_it_needs_another_client(server: Loopback) -> None:
    import trio

    async def ask() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            await collect(client.generate_assistant_response("q"))

    with pytest.raises(ConfigurationError, match="asyncio") as caught:
        trio.run(ask)
    assert "trio.to_thread" in caught.value.remedy


def test_closing_a_stream_ends_the_task_that_reads_it(server: Loopback) -> None:
    """GIVEN a task that waits for an event, WHEN another one closes the stream, THEN the first is told."""

    async def silent(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(text("one"))
        await asyncio.Event().wait()

    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            stream = client.generate_assistant_response("q")
            await anext(stream)
            task = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            with pytest.raises(ConfigurationError, match="being read already"):
                await anext(stream)
            with pytest.raises(ConfigurationError, match="being read already"):
                await stream.athrow(KeyError("x"))
            await stream.aclose()
            with pytest.raises(StreamBrokenError, match="closed while it was being read"):
                await task
            assert task.cancelling() == 0
            assert open_connections(client) == 0
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    server.handler = silent
    asyncio.run(run())


def test_a_reader_that_is_cancelled_itself_stays_cancelled_by_a_close(
    server: Loopback,
) -> None:
    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            stream = client.generate_assistant_response("q")
            await anext(stream)
            task = asyncio.ensure_future(collect(stream))
            await asyncio.sleep(0)
            task.cancel()
            await stream.aclose()
            with pytest.raises(asyncio.CancelledError):
                await task

    server.handler = endless
    asyncio.run(run())


def test_closing_the_client_ends_a_read_that_waits(server: Loopback) -> None:
    async def silent(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(text("one"))
        await asyncio.Event().wait()

    async def run() -> None:
        client = QStreamingClient(access_token="tok", endpoint=server.url)
        stream = client.generate_assistant_response("q")
        await anext(stream)
        task = asyncio.ensure_future(collect(stream))
        await asyncio.sleep(0.01)
        await client.aclose()
        with pytest.raises(StreamBrokenError):
            await asyncio.wait_for(task, 5)

    server.handler = silent
    asyncio.run(run())


def test_a_blocking_stream_that_another_thread_reads_says_so(server: Loopback) -> None:
    reading, done = threading.Event(), threading.Event()

    async def silent(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(text("one"))
        reading.set()
        await asyncio.to_thread(done.wait, 10)
        await reply.data(text("two"))
        await reply.end()

    server.handler = silent
    with QStreamingClientSync(access_token="tok", endpoint=server.url) as client:
        stream = client.generate_assistant_response("q")
        next(stream)
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(stream.final_answer().text))
        thread.start()
        while not stream._lock.locked():
            reading.wait(0.001)
        for attempt in (stream.close, lambda: next(stream), lambda: stream.throw(KeyError("x"))):
            with pytest.raises(ConfigurationError, match="being read already"):
                attempt()
        done.set()
        thread.join(10)
        assert answers == ["onetwo"]
        stream.close()
