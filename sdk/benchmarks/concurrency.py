"""The processor time of many streams at a time, beside other ways to read the same bytes, in the same run."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from botocore.eventstream import EventStreamBuffer
from decoding import events
from report import Result

from amazon_q_streaming_client import QStreamingClient, collect, question

__all__ = ["concurrent_streams"]

STREAMS = 500
ROUNDS = 3
AIM = 1.2
EVENTS = 40
"""A short answer: the cost of the connections counts as much as that of the events."""

SERVER = """
import asyncio, sys
sys.path[:0] = {paths!r}
from concurrency import answer

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
"""The server has a process of its own, so that its time is not counted."""

BODY = b"".join(events(EVENTS))
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request with events that come in four pieces."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(HEAD)
            step = len(BODY) // 4 + 1
            for at in range(0, len(BODY), step):
                piece = BODY[at : at + step]
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(0.01)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _raw(library: Any, url: str) -> None:
    """Read the bytes of all answers with the library alone, decoding nothing."""
    state = question("q").model_dump_json()
    limits = library.Limits(max_connections=100)

    async def one(client: Any) -> None:
        async with client.stream("POST", url, content=state, headers={"content-type": "x"}) as response:
            async for _ in response.aiter_bytes():
                pass

    async with library.AsyncClient(limits=limits, timeout=300, trust_env=False) as client:
        await asyncio.gather(*(one(client) for _ in range(STREAMS)))


async def _by_hand(library: Any, url: str) -> None:
    """Read all answers with the library, botocore's decoder and the json module, as one would without us."""
    state = question("q").model_dump_json()
    limits = library.Limits(max_connections=100)

    async def one(client: Any) -> None:
        buffer, texts = EventStreamBuffer(), []
        async with client.stream("POST", url, content=state, headers={"content-type": "x"}) as response:
            async for chunk in response.aiter_bytes():
                buffer.add_data(chunk)
                texts += [json.loads(message.payload)["content"] for message in buffer]
        assert len(texts) == EVENTS

    async with library.AsyncClient(limits=limits, timeout=300, trust_env=False) as client:
        await asyncio.gather(*(one(client) for _ in range(STREAMS)))


async def _ours(library: Any, url: str) -> None:
    """Read all answers as typed events and put them together."""
    async with QStreamingClient(access_token="bench", endpoint=url, http_library=library) as client:
        answers = (collect(client.generate_assistant_response("q")) for _ in range(STREAMS))
        for answer in await asyncio.gather(*answers):
            assert answer.text.count("token") == EVENTS


def _variants() -> dict[str, Callable[[str], Awaitable[None]]]:
    import httpx
    import httpx2

    return {
        "httpx alone, bytes only": lambda url: _raw(httpx, url),
        "httpx2 alone, bytes only": lambda url: _raw(httpx2, url),
        "httpx with botocore's decoder": lambda url: _by_hand(httpx, url),
        "httpx2 with botocore's decoder": lambda url: _by_hand(httpx2, url),
        "this client on httpx": lambda url: _ours("httpx", url),
        "this client on httpx2": lambda url: _ours("httpx2", url),
    }


def _seconds(run: Callable[[str], Awaitable[None]], url: str) -> float:
    async def measured() -> float:
        start = time.process_time()
        await run(url)
        return time.process_time() - start

    return asyncio.run(measured())


def concurrent_streams() -> list[Result]:
    """The median of the rounds; the variants take turns, as machines are noisy."""
    paths = [str(Path(__file__).parent), *(path for path in sys.path if path)]
    command = [sys.executable, "-c", SERVER.format(paths=paths)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            variants = _variants()
            taken: dict[str, list[float]] = {name: [] for name in variants}
            for _ in range(ROUNDS):
                for name, run in variants.items():
                    taken[name].append(_seconds(run, url))
        finally:
            server.kill()
    figures = {name: median(seconds) for name, seconds in taken.items()}
    fastest = min(seconds for name, seconds in figures.items() if "bytes only" not in name)
    return [
        Result(
            what=f"processor time of {STREAMS} streams at a time: {name}",
            value=round(seconds, 2),
            unit="s",
            baseline=round(fastest, 2),
            ratio=round(seconds / fastest, 2),
            aim=f"this client at most {AIM:g} times the fastest that reads events",
            met=seconds <= AIM * fastest or not name.startswith("this client"),
        )
        for name, seconds in figures.items()
    ]


if __name__ == "__main__":
    print(
        json.dumps([(result.what, result.value, result.ratio) for result in concurrent_streams()], indent=1)
    )
