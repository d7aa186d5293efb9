"""How long after its last byte the first event is in the caller's hands."""

from __future__ import annotations

import asyncio
import statistics
import time

from report import Result

from amazon_q_streaming_client import QStreamingClient, encode_message

__all__ = ["first_event"]

STREAMS = 200
AIM = 1.0
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
EVENT = encode_message(
    {":event-type": "assistantResponseEvent", ":content-type": "application/json", ":message-type": "event"},
    b'{"content":"first"}',
)


class _Server:
    """Sends the head and all of an event but its last byte, waits, and notes when the last byte leaves."""

    def __init__(self) -> None:
        self.sent = 0.0
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            length = next(int(line[15:]) for line in head if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            writer.write(HEAD + b"%x\r\n%b\r\n" % (len(EVENT) - 1, EVENT[:-1]))
            await asyncio.sleep(0.01)
            self.sent = time.perf_counter()
            writer.write(b"1\r\n%b\r\n" % EVENT[-1:])
            await asyncio.sleep(0.01)
            writer.write(b"0\r\n\r\n")
        writer.close()
        self.left.set()


async def _head(reader: asyncio.StreamReader) -> list[bytes]:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    except asyncio.IncompleteReadError:
        return []


async def _measure() -> list[float]:
    server = _Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    delays = []
    async with QStreamingClient(access_token="bench", endpoint=f"http://127.0.0.1:{port}") as client:
        for _ in range(STREAMS):
            async with client.generate_assistant_response("q") as stream:
                await anext(stream)
                delays.append((time.perf_counter() - server.sent) * 1000)
                async for _ in stream:
                    pass
    await server.left.wait()
    listening.close()
    return delays


def first_event() -> Result:
    """The median over many streams, from the write of the last byte (loopback included) to the event."""
    median = statistics.median(asyncio.run(_measure()))
    return Result(
        what="first event delivered after its last byte was written",
        value=round(median, 3),
        unit="ms",
        baseline=None,
        ratio=None,
        aim=f"within {AIM:g} ms",
        met=median <= AIM,
    )
