"""uvicorn, as a guest of the engine's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

__all__ = ["Server"]


class Server(uvicorn.Server):
    """Leaves signals to the program it runs in, and ends at once instead of at its next tick."""

    def __init__(self, application: Any) -> None:
        config = uvicorn.Config(
            application, lifespan="off", log_config=None, access_log=False, server_header=False,
            date_header=False, ws="none", http="h11", loop="asyncio", interface="asgi3",
        )  # fmt: skip
        super().__init__(config)
        self._over = asyncio.Event()

    def end(self) -> None:
        """Close everything."""
        self._over.set()

    async def main_loop(self) -> None:
        await self._over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Nobody is waited for: what a caller was promised has been committed before it was said."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for one in sockets or []:
            one.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
