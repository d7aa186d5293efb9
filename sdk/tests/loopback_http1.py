"""HTTP/1.1 by hand: chunked responses, keep-alive, and the means to break both."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["serve_http1"]

Answer = Callable[[str, str, dict[str, str], bytes, str, Any], Awaitable[None]]


@dataclass(slots=True)
class _Wire:
    writer: asyncio.StreamWriter
    broken: bool = False

    async def head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        lines += ["transfer-encoding: chunked", "", ""]
        self.writer.write("\r\n".join(lines).encode())
        await self.writer.drain()

    async def data(self, data: bytes) -> None:
        if data:
            self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def cut(self) -> None:
        self.broken = True
        self.writer.close()

    async def reset(self) -> None:
        self.broken = True
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def serve_http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Serve one connection until the client closes it or a handler breaks it."""
    wire = _Wire(writer)
    while not wire.broken:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        await answer(method, target, headers, body, "HTTP/1.1", wire)
