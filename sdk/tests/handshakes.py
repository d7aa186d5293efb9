"""A server that takes a connection and never answers its handshake of TLS."""

from __future__ import annotations

import asyncio

__all__ = ["SilentServer"]


class SilentServer:
    """Listens within ``async with``; ``connected`` and ``closed`` are of its one connection."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()

    async def __aenter__(self) -> SilentServer:
        self._server = await asyncio.start_server(self._silent, "127.0.0.1", 0)
        self.url = f"https://localhost:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()

    async def _silent(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        self.connected.set()
        while await reader.read(65536):
            pass
        self.closed.set()
        writer.close()
