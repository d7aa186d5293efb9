"""HTTP/2 with the h2 package."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

__all__ = ["serve_http2"]

Answer = Callable[[str, str, dict[str, str], bytes, str, Any], Awaitable[None]]


@dataclass(slots=True)
class _Wire:
    connection: h2.connection.H2Connection
    writer: asyncio.StreamWriter
    stream: int
    window: asyncio.Event

    async def flush(self) -> None:
        self.writer.write(self.connection.data_to_send())
        await self.writer.drain()

    async def head(self, status: int, headers: dict[str, str]) -> None:
        self.connection.send_headers(self.stream, [(":status", str(status)), *headers.items()])
        await self.flush()

    async def data(self, data: bytes) -> None:
        while data:
            size = min(
                self.connection.local_flow_control_window(self.stream),
                self.connection.max_outbound_frame_size,
                len(data),
            )
            if size == 0:
                self.window.clear()
                await self.window.wait()
                continue
            self.connection.send_data(self.stream, data[:size])
            data = data[size:]
            await self.flush()

    async def end(self) -> None:
        self.connection.end_stream(self.stream)
        await self.flush()

    async def cut(self) -> None:
        self.writer.close()

    async def reset(self) -> None:
        self.connection.reset_stream(self.stream, error_code=h2.errors.ErrorCodes.INTERNAL_ERROR)
        await self.flush()


@dataclass(slots=True)
class _Incoming:
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)


async def serve_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Serve one connection; each request is answered in a task of its own."""
    config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
    connection = h2.connection.H2Connection(config=config)
    connection.initiate_connection()
    window = asyncio.Event()
    incoming: dict[int, _Incoming] = {}
    async with asyncio.TaskGroup() as group:
        with suppress(ConnectionError):
            writer.write(connection.data_to_send())
            while data := await reader.read(65536):
                for received in connection.receive_data(data):
                    done = _take(received, incoming, connection, window)
                    if done is not None:
                        wire = _Wire(connection, writer, done, window)
                        group.create_task(_answer(incoming.pop(done), answer, wire))
                writer.write(connection.data_to_send())
                await writer.drain()


def _take(
    received: h2.events.Event,
    incoming: dict[int, _Incoming],
    connection: h2.connection.H2Connection,
    window: asyncio.Event,
) -> int | None:
    """Note what came; return the stream whose request is complete."""
    if isinstance(received, h2.events.RequestReceived):
        incoming[received.stream_id] = _Incoming({str(k): str(v) for k, v in received.headers})
    elif isinstance(received, h2.events.DataReceived):
        incoming[received.stream_id].body += received.data
        connection.acknowledge_received_data(received.flow_controlled_length, received.stream_id)
    elif isinstance(received, h2.events.WindowUpdated):
        window.set()
    elif isinstance(received, h2.events.StreamEnded):
        return received.stream_id
    return None


async def _answer(request: _Incoming, answer: Answer, wire: _Wire) -> None:
    headers = request.headers
    try:
        await answer(headers[":method"], headers[":path"], headers, bytes(request.body), "HTTP/2", wire)
    except (ConnectionError, h2.exceptions.ProtocolError):
        return
