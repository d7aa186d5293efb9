"""A server on loopback inside the engine's own event loop.

Its port is taken before uvicorn is loaded, so a process that is to call it can begin at once. It is listened
on from then on: on one that is only bound any other user could listen (socket(7), SO_REUSEADDR).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from stepherd.engine.api.http_serving import Server

__all__ = ["LoopbackServer"]

_BACKLOG: Final = 128
_TRIES: Final = 10


class LoopbackServer:
    """Serves one ASGI application on 127.0.0.1, on a port of the system's choice unless one is given."""

    def __init__(self, port: int = 0) -> None:
        self._server: Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._socket = _listening(port)

    @property
    def address(self) -> str:
        """The address as ``127.0.0.1:port``."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self, application: Any) -> None:
        """Answer requests as soon as the event loop turns."""
        # Only now: uvicorn takes its time to load, and the port is known before.
        from stepherd.engine.api.http_serving import Server

        self._server = Server(application)
        self._task = asyncio.ensure_future(self._server.serve(sockets=[self._socket]))

    def give_up(self) -> None:
        """Give the port back, where no event loop has served it."""
        self._socket.close()

    async def stop(self) -> None:
        """Stop serving and close all connections."""
        if self._server and self._task:
            self._server.end()
            await self._task
        self._socket.close()


def _listening(port: int, tries: int = _TRIES) -> socket.socket:
    # The protocol is named: for any other, asyncio leaves Nagle's algorithm on, and each answer, sent in two
    # parts, would wait 40 ms for the caller's acknowledgement of the first.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if port or tries == 1 or error.errno != errno.EADDRINUSE:
            raise
        return _listening(port, tries - 1)  # Somebody was quicker between the two.
    return listening
