"""Calls that wait for a connection: as long as it can get free, in their order, and not for ever."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest

from amazon_q_streaming_client import (
    ClientOptions,
    ConfigurationError,
    QStreamingClient,
    QStreamingClientSync,
    RequestTimeoutError,
    collect,
    collect_sync,
)
from asking import ONCE
from frames import text
from loopback import Loopback, Reply, Request

PIECES = 8


def options(server: Loopback, *, timeout: float = 30, **more: Any) -> ClientOptions:
    given: Any = {
        "access_token": "tok",
        "endpoint": server.url,
        "retry": ONCE,
        "max_connections": 1,
        "timeout": timeout,
        **more,
    }
    chosen: ClientOptions = given
    return chosen


async def held(_: Request, reply: Reply) -> None:
    """One event, and then nothing for as long as the client listens."""
    await reply.head()
    await reply.data(text("first"))
    await asyncio.sleep(3600)


async def two(_: Request, reply: Reply) -> None:
    await reply.stream(text("a"), text("b"))


async def slow(_: Request, reply: Reply) -> None:
    await reply.head()
    for _piece in range(PIECES):
        await reply.data(text("x"))
        await asyncio.sleep(0.05)


def test_a_call_inside_of_the_only_answer_that_may_be_open_says_why_it_cannot_be(server: Loopback) -> None:
    async def run() -> None:
        async with (
            QStreamingClient(**options(server, timeout=0.1)) as client,
            client.generate_assistant_response("outer") as stream,
        ):
            await anext(stream)
            with pytest.raises(ConfigurationError, match=r"the 1 open answers for 0\.1 seconds") as caught:
                await asyncio.wait_for(collect(client.generate_assistant_response("inner")), 10)
            assert "max_connections" in caught.value.remedy

    server.handler = held
    asyncio.run(run())
    with (
        QStreamingClientSync(**options(server, timeout=0.1)) as client,
        client.generate_assistant_response("outer") as stream,
    ):
        next(stream)
        with pytest.raises(ConfigurationError, match="no connection is free"):
            collect_sync(client.generate_assistant_response("inner"))


def test_a_call_waits_beyond_its_time_limit_while_answers_are_read(server: Loopback) -> None:
    async def run() -> list[str]:
        async with QStreamingClient(**options(server, timeout=0.2)) as client:
            calls = [collect(client.generate_assistant_response("q")) for _ in range(3)]
            return [answer.text for answer in await asyncio.gather(*calls)]

    server.handler = slow
    assert asyncio.run(run()) == ["x" * PIECES] * 3
    with QStreamingClientSync(**options(server, timeout=0.2)) as client, ThreadPoolExecutor(2) as threads:
        ask = lambda _: collect_sync(client.generate_assistant_response("q")).text  # noqa: E731
        assert list(threads.map(ask, range(2))) == ["x" * PIECES] * 2


def test_a_call_that_is_cancelled_as_its_turn_comes_leaves_it_to_the_next(server: Loopback) -> None:
    """GIVEN two calls that wait, WHEN the first is cancelled any number of turns after the connection got
    free, THEN the second has its answer."""

    async def cancelled_after(turns: int) -> bool:
        async with QStreamingClient(**options(server)) as client:
            holder = client.generate_assistant_response("holder")
            await anext(holder)
            first, second = (
                asyncio.ensure_future(collect(client.generate_assistant_response("q"))) for _ in range(2)
            )
            for _ in range(5):
                await asyncio.sleep(0)
            closing = asyncio.ensure_future(holder.aclose())
            for _ in range(turns):
                await asyncio.sleep(0)
            done = first.done()
            first.cancel()
            await asyncio.gather(first, closing, return_exceptions=True)
            assert (await asyncio.wait_for(second, 10)).text == "ab", turns
            return done

    async def run() -> None:
        turns = 0
        while not await cancelled_after(turns):
            turns += 1
        assert turns > 5

    server.handler = two
    asyncio.run(run())


def test_closing_the_client_ends_the_waits_for_a_connection(server: Loopback) -> None:
    async def run() -> None:
        client = QStreamingClient(**options(server))
        stream = client.generate_assistant_response("holder")
        await anext(stream)
        waiting = [asyncio.ensure_future(collect(client.generate_assistant_response("q"))) for _ in range(3)]
        await asyncio.sleep(0)
        await client.aclose()
        for outcome in await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10):
            assert isinstance(outcome, ConfigurationError)
        await stream.aclose()

    server.handler = held
    asyncio.run(run())
    assert len(server.requests) == 1, "what waited is not asked"


def test_closing_a_blocking_client_ends_the_waits_for_a_connection(server: Loopback) -> None:
    client = QStreamingClientSync(**options(server))
    errors: list[ConfigurationError] = []

    def ask() -> None:
        try:
            collect_sync(client.generate_assistant_response("q"))
        except ConfigurationError as error:
            errors.append(error)

    server.handler = held
    stream = client.generate_assistant_response("holder")
    next(stream)
    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    client.close()
    for thread in threads:
        thread.join(10)
    assert len(errors) == 3
    with suppress(ConfigurationError):
        stream.close()


def test_a_full_client_of_the_users_says_so(server: Loopback) -> None:
    async def run() -> None:
        limits = httpx.Limits(max_connections=1)
        async with (
            httpx.AsyncClient(limits=limits) as own,
            QStreamingClient(**options(server, timeout=0.1, http_client=own)) as client,
            client.generate_assistant_response("outer") as stream,
        ):
            await anext(stream)
            with pytest.raises(RequestTimeoutError, match="no connection of the http_client") as caught:
                await asyncio.wait_for(collect(client.generate_assistant_response("inner")), 10)
            assert "limits" in caught.value.remedy

    server.handler = held
    asyncio.run(run())
