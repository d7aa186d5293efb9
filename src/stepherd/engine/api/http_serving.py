"""uvicorn, as a guest of the engine's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["MOST_CONNECTIONS", "Server"]

MOST_CONNECTIONS = 64
"""At the same time. Any local user can connect, and one who did no more could take every file that the engine
may have open."""


class _Connection(H11Protocol):
    """Makes room for itself where there are too many: the oldest is closed. Callers of the API try again."""

    _numbers = itertools.count()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.number = next(self._numbers)
        if len(self.connections) > MOST_CONNECTIONS:
            oldest = min(self.connections, key=lambda connection: connection.number)  # type: ignore[union-attr]
            self.connections.discard(oldest)
            oldest.transport.abort()


class Server(uvicorn.Server):
    """Leaves signals to the program it runs in, and ends at once instead of at its next tick."""

    def __init__(self, application: Any) -> None:
        config = uvicorn.Config(
            application, lifespan="off", log_config=None, access_log=False, server_header=False,
            date_header=False, ws="none", http=_Connection, loop="asyncio", interface="asgi3",
        )  # fmt: skip
        super().__init__(config)
        self._over = asyncio.Event()

    def end(self) -> None:
        """Close the server and its connections."""
        self._over.set()

    async def main_loop(self) -> None:
        await self._over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """No one is waited for: what a caller was promised has been committed before it was said."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for one in sockets or []:
            one.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
