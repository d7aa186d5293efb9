"""A uvicorn server on loopback inside the engine's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

__all__ = ["LoopbackServer"]


class _Quiet(uvicorn.Server):
    """Leaves signals to the program it runs in, and ends at once instead of at its next tick."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._over = asyncio.Event()

    def end(self) -> None:
        """Close everything."""
        self.should_exit = self.force_exit = True
        self._over.set()

    async def main_loop(self) -> None:
        await self._over.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class LoopbackServer:
    """Serves one ASGI application on 127.0.0.1, on a port of the system's choice unless one is given."""

    def __init__(self, application: Any, port: int = 0) -> None:
        config = uvicorn.Config(
            application, lifespan="off", log_config=None, access_log=False, server_header=False,
            date_header=False, ws="none", http="h11", loop="asyncio", interface="asgi3",
        )  # fmt: skip
        self._server = _Quiet(config)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """``127.0.0.1:port``."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Listen at once; requests are answered as soon as the event loop turns."""
        self._socket.listen(128)
        self._task = asyncio.ensure_future(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Close all connections."""
        self._server.end()
        if self._task:
            await self._task
        self._socket.close()
