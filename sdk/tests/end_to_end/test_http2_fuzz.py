"""A server of HTTP/2 that does anything at any moment: each call ends, in an answer or a documented error."""

from __future__ import annotations

import asyncio
import random
import ssl
import threading

import pytest

from amazon_q_streaming_client import (
    ClientOptions,
    QError,
    QStreamingClient,
    QStreamingClientSync,
    RetryPolicy,
)
from http2_chaos import ChaosServer

SEEDS = range(60)
"""Without time limits of our own, 24, 42 and 57 never end; on shared connections 41 does not, either."""
AT_A_TIME = 10
NEVER = 30
"""Seconds after which a call counts as hung; its own limits end it within three."""
LONG = "q" * 150_000
"""More than the window of a connection, so that the server must open it."""
LIBRARIES = ["httpx", "httpx2"]


def options(chance: random.Random, url: str, trust: ssl.SSLContext, library: str) -> ClientOptions:
    return {
        "access_token": "tok",
        "endpoint": url,
        "http2": True,
        "verify": trust,
        "timeout": 0.2,
        "connect_timeout": 5,
        "retry": RetryPolicy(attempts=chance.choice((1, 2)), base_delay=0),
        "http_library": "httpx2" if library == "httpx2" else "httpx",
    }


async def read_or_leave(client: QStreamingClient, question: str, *, leave: bool) -> None:
    async with client.generate_assistant_response(question) as stream:
        if leave:
            await anext(stream, None)
        else:
            await stream.final_answer()


async def call(client: QStreamingClient, chance: random.Random) -> None:
    """Ask; read to the end, leave after the first event, or be cancelled."""
    how = chance.choice(("read", "read", "leave", "cancel"))
    task = asyncio.ensure_future(
        read_or_leave(client, chance.choice(("q", LONG)), leave=how == "leave"),
    )
    if how == "cancel":
        await asyncio.sleep(chance.choice((0, 0.005, 0.02, 0.1)))
        task.cancel()
    done, _ = await asyncio.wait([task], timeout=NEVER)
    assert done, f"the call hangs: {how}"
    assert task.cancelled() or isinstance(task.exception(), QError | None)


async def play(seed: int, server: ssl.SSLContext, trust: ssl.SSLContext, library: str) -> None:
    chance = random.Random(seed)
    with ChaosServer(server, seed) as chaos:
        client = QStreamingClient(**options(chance, chaos.url, trust, library))
        calls = chance.choice((1, 1, 2, 4))
        for _ in range(2):
            await asyncio.gather(*(call(client, chance) for _ in range(calls)))
        await asyncio.wait_for(client.aclose(), NEVER)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_call_ends_whatever_the_server_does(
    http2_only: ssl.SSLContext, trust: ssl.SSLContext, library: str
) -> None:
    failed = []

    async def run() -> None:
        places = asyncio.Semaphore(AT_A_TIME)

        async def one(seed: int) -> None:
            async with places:
                try:
                    await play(seed, http2_only, trust, library)
                except (AssertionError, TimeoutError) as error:
                    failed.append((seed, error))

        await asyncio.gather(*map(one, SEEDS))

    asyncio.run(run())
    assert failed == []


def blocking_call(client: QStreamingClientSync, chance: random.Random, odd: list[BaseException]) -> None:
    try:
        with client.generate_assistant_response(chance.choice(("q", LONG))) as stream:
            if chance.random() < 0.3:
                next(stream, None)
            else:
                stream.final_answer()
    except QError:
        pass
    except BaseException as error:  # noqa: BLE001  it is what the test looks for
        odd.append(error)


def blocking_play(
    seed: int, server: ssl.SSLContext, trust: ssl.SSLContext, library: str, odd: list[BaseException]
) -> None:
    chance = random.Random(seed)
    with (
        ChaosServer(server, seed) as chaos,
        QStreamingClientSync(**options(chance, chaos.url, trust, library)) as client,
    ):
        calls = chance.choice((1, 1, 2, 4))
        for _ in range(2):
            threads = [
                threading.Thread(target=blocking_call, args=(client, chance, odd), daemon=True)
                for _ in range(calls)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(NEVER)
            assert not any(thread.is_alive() for thread in threads), f"a call hangs: seed {seed}"


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_blocking_call_ends_whatever_the_server_does(
    http2_only: ssl.SSLContext, trust: ssl.SSLContext, library: str
) -> None:
    odd: list[BaseException] = []
    left = list(SEEDS)

    def work() -> None:
        while left:
            try:
                blocking_play(left.pop(), http2_only, trust, library, odd)
            except (AssertionError, IndexError) as error:
                odd.append(error)

    workers = [threading.Thread(target=work) for _ in range(AT_A_TIME)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [error for error in odd if not isinstance(error, IndexError)] == []
