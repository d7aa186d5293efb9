"""One client, or one stream, in several hands: closers, cancelled calls, forked processes."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from amazon_q_streaming_client import (
    AccessToken,
    ConfigurationError,
    QStreamingClient,
    QStreamingClientSync,
    StreamBrokenError,
    TokenError,
    collect,
    collect_sync,
)
from asking import ONCE
from frames import text
from loopback import Loopback, Reply, Request


async def two_events(_: Request, reply: Reply) -> None:
    """One event, and then nothing for as long as the client listens."""
    await reply.head()
    await reply.data(text("first"))
    await asyncio.sleep(3600)


async def echo(request: Request, reply: Reply) -> None:
    state = request.members["conversationState"]
    await reply.stream(text(state["currentMessage"]["userInputMessage"]["content"]))


async def _close_while_read(server: Loopback, closers: int) -> list[Any]:
    async with QStreamingClient(access_token="tok", endpoint=server.url, retry=ONCE) as client:
        stream = client.generate_assistant_response("q")
        await anext(stream)
        reader = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        closing = [asyncio.ensure_future(stream.aclose()) for _ in range(closers)]
        outcomes = await asyncio.gather(reader, *closing, return_exceptions=True)
        return [*outcomes, await anext(stream, "over")]


@pytest.mark.parametrize("closers", [1, 2, 5])
def test_however_many_close_a_stream_its_reader_is_told_and_not_cancelled(
    server: Loopback, closers: int
) -> None:
    server.handler = two_events
    first, *rest = asyncio.run(_close_while_read(server, closers))
    assert isinstance(first, StreamBrokenError)
    assert rest == [*[None] * closers, "over"]


def test_a_stream_that_is_being_closed_can_be_closed_and_read_once_more(server: Loopback) -> None:
    async def run() -> list[Any]:
        async with QStreamingClient(access_token="tok", endpoint=server.url, retry=ONCE) as client:
            stream = client.generate_assistant_response("q")
            await anext(stream)
            work = (stream.aclose(), stream.aclose(), anext(stream, "over"))
            return list(await asyncio.gather(*work, return_exceptions=True))

    server.handler = two_events
    assert asyncio.run(run()) == [None, None, "over"]


class SlowProvider:
    """Blocks until it is let go; notes how many ask at a time."""

    def __init__(self, *outcomes: AccessToken | Exception) -> None:
        self.outcomes = list(outcomes)
        self.asked = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.busy = threading.Lock()
        self.at_a_time = 1

    def get_token(self, *, refresh: bool = False) -> AccessToken:
        if not self.busy.acquire(blocking=False):
            self.at_a_time += 1
            raise AssertionError("two at a time")
        try:
            self.asked.release()
            assert self.go.acquire(timeout=10)
            outcome = self.outcomes.pop(0)
        finally:
            self.busy.release()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.mark.parametrize("lost", [AccessToken("one"), TokenError("not now")])
def test_a_call_that_is_cancelled_leaves_its_question_for_a_token_to_the_next(
    server: Loopback, lost: AccessToken | Exception
) -> None:
    """A refresh token may be good for one use: two that ask at a time end the login."""
    provider = SlowProvider(lost, AccessToken("two"))

    async def run() -> str:
        async with QStreamingClient(token_provider=provider, endpoint=server.url, retry=ONCE) as client:
            first = asyncio.ensure_future(collect(client.generate_assistant_response("a")))
            await asyncio.to_thread(provider.asked.acquire)
            first.cancel()
            await asyncio.wait([first])
            assert first.cancelled()
            second = asyncio.ensure_future(collect(client.generate_assistant_response("b")))
            for _ in range(5):
                await asyncio.sleep(0)
            provider.go.release(2)
            return (await second).text

    server.handler = echo
    assert asyncio.run(run()) == "b"
    assert provider.at_a_time == 1
    expected = "one" if isinstance(lost, AccessToken) else "two"
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {expected}"]


@pytest.mark.parametrize("blocking", [False, True])
def test_calls_wait_while_as_many_connections_are_open_as_may_be(server: Loopback, blocking: bool) -> None:
    peaks = []

    async def handler(_: Request, reply: Reply) -> None:
        peaks.append(server.connections)
        await reply.head()
        await reply.data(text("x"))
        await asyncio.sleep(0.002)

    async def run() -> list[str]:
        async with QStreamingClient(access_token="tok", endpoint=server.url, max_connections=2) as client:
            calls = [collect(client.generate_assistant_response("q")) for _ in range(12)]
            return [answer.text for answer in await asyncio.gather(*calls)]

    def run_in_threads() -> list[str]:
        with (
            QStreamingClientSync(access_token="tok", endpoint=server.url, max_connections=2) as client,
            ThreadPoolExecutor(12) as threads,
        ):
            ask = lambda _: collect_sync(client.generate_assistant_response("q")).text  # noqa: E731
            return list(threads.map(ask, range(12)))

    server.handler = handler
    assert (run_in_threads() if blocking else asyncio.run(run())) == ["x"] * 12
    assert max(peaks) <= 2
    assert server.accepted <= 2, "the next call uses the connection again"


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(text("x"))
        await reply.cut()

    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url, retry=ONCE) as client:
            for _ in range(3):
                assert (await collect(client.generate_assistant_response("q"))).text == "x"
                await asyncio.to_thread(server.wait_idle)

    server.handler = handler
    asyncio.run(run())
    with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=ONCE) as client:
        for _ in range(3):
            assert collect_sync(client.generate_assistant_response("q")).text == "x"
            server.wait_idle()


def test_a_closed_client_stays_closed_in_a_forked_process(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = QStreamingClientSync(access_token="tok", endpoint=server.url, retry=ONCE)
    client.close()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ConfigurationError, match="closed"):
        collect_sync(client.generate_assistant_response("q"))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(server: Loopback) -> None:
    """Two that share a connection read each other's answers."""
    server.handler = echo
    with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=ONCE, timeout=5) as client:
        assert collect_sync(client.generate_assistant_response("before")).text == "before"
        accepted = server.accepted
        child = os.fork()
        if child == 0:
            right = False
            try:
                texts = [f"child {number}" for number in range(10)]
                right = texts == [collect_sync(client.generate_assistant_response(it)).text for it in texts]
            finally:
                os._exit(0 if right else 1)
        for number in range(10):
            question = f"parent {number}"
            assert collect_sync(client.generate_assistant_response(question)).text == question
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert server.accepted == accepted + 1
