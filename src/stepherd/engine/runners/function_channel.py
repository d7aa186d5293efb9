"""The messages between the engine and a function's worker over a pair of connected sockets.

A message is a JSON object behind its length in four bytes. The engine begins with the order ``{"handler",
"environment"}``. The worker asks for an event with ``{"kind": "next"}``, gets ``{"id", "body", "deadline",
"arn"}`` and answers ``{"kind": "response" | "error", "id", "body"}``; ``{"kind": "init", "body"}`` says why a
handler could not be loaded.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

__all__ = ["packed", "receive", "receive_from", "send"]

_LENGTH = struct.Struct(">I")
_MOST = 64 * 1024 * 1024
"""More than any event or answer takes, also with every character escaped."""


def packed(message: Mapping[str, Any]) -> bytes:
    """A message as it is sent."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


def send(channel: socket.socket, message: Mapping[str, Any]) -> None:
    """Send a message; waits while the other side does not read. Raises OSError when it is gone."""
    channel.sendall(packed(message))


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """Wait for a message; None when the other side is gone."""
    length = _exactly(channel, _LENGTH.size)
    body = _exactly(channel, _LENGTH.unpack(length)[0]) if length else None
    return None if body is None else json.loads(body)


def _exactly(channel: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        piece = channel.recv(count - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


async def receive_from(stream: asyncio.StreamReader) -> dict[str, Any] | None:
    """Wait for a message of a worker, which may be anything; None when it is gone or makes no sense."""
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        if length > _MOST:
            return None
        message = json.loads(await stream.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError, ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
