"""The connections of the blocking client, and the answer that is open on one of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ._connections import Connection, Connections, all_taken, is_opened
from ._http import Http, TimeLimits
from ._operations import WireRequest
from ._settings import ResponseHead, Settings
from ._transport import head_of
from .errors import TransportError

if TYPE_CHECKING:
    import httpx

__all__ = ["Pool", "Response"]


class Pool:
    """The connections, and the wait for one where as many are open as may be; threads may share it."""

    def __init__(self, http: Http, settings: Settings) -> None:
        self.http = http
        self._limit = settings.max_connections
        self._connections = Connections(http, self._limit)
        self._lock = threading.Lock()
        self._places = None if http.is_own else threading.Semaphore(self._limit)
        self.moves = 0
        """Counts what is read from answers and which are closed: while it grows, waiting is worth while."""

    def take(self, url: str, seconds: float) -> Connection:
        """Return the connection for a request, which must be given back.

        Raises ConfigurationError if the client is closed, also meanwhile, or when all connections are taken
        by answers that nobody reads for ``seconds``.
        """
        if self._places is not None:
            self._wait_for_place(self._places, seconds)
        try:
            with self._lock:
                return self._connections.take(url)
        except BaseException:
            self._leave()
            raise

    def _wait_for_place(self, places: threading.Semaphore, seconds: float) -> None:
        moves = self.moves
        while not places.acquire(timeout=min(seconds, threading.TIMEOUT_MAX)):
            if moves == self.moves:
                raise all_taken(self._limit, seconds)
            moves = self.moves

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._connections.closed

    def opened(self, connection: Connection, stream: Any) -> None:
        """Note the network ``stream`` of a connection. Raises ConfigurationError if the client is closed."""
        with self._lock:
            self._connections.opened(connection, stream)

    def give_back(self, connection: Connection, *, whole: bool, stale: bool) -> None:
        """The answer on ``connection`` is closed; see Connections."""
        self.moves += 1
        try:
            with self._lock:
                old = self._connections.give_back(connection, whole=whole, stale=stale)
            self._close_all(old)
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._places is not None:
            self._places.release()

    def close(self) -> None:
        """Close every connection, unless they are the user's, and end every wait for one.

        Of those with an open answer the socket is shut down, which ends the read of another thread; closed by
        that thread, its number cannot come to mean another socket while it is read.
        """
        with self._lock:
            clients, taken = self._connections.end()
            streams = [each.stream for each in taken if each.stream is not None]
        # It goes from one call that waits to the next, as each of them finds the client closed.
        self._leave()
        for stream in streams:
            with suppress(OSError):
                socket.socket.shutdown(stream.get_extra_info("socket"), socket.SHUT_RDWR)
        self._close_all(clients)

    def _close_all(self, clients: Iterable[Any]) -> None:
        """Close them; one that cannot be closed is gone already, and keeps none of the others open."""
        for client in clients:
            with suppress(*self.http.failures):
                client.close()


class Response:
    """The response that is open at the moment, if one is."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._open: httpx.Response | None = None
        self._chunks: Iterator[bytes] | None = None
        self._limits: TimeLimits | None = None
        self._whole = self._stale = False
        self._is_new = False
        """Whether a connection was opened for the request."""

    def send(self, request: WireRequest) -> ResponseHead:
        self._whole = self._stale = self._is_new = False
        connection = self._connection = self._pool.take(request.url, request.timeout)
        message = self._pool.http.message(connection.client, request)
        self._limits = message.extensions["timeout"]
        if not self._pool.http.is_own:
            message.extensions["trace"] = self._trace
        mark = connection.begin(self._limits)
        try:
            response: httpx.Response = connection.client.send(message, stream=True, follow_redirects=False)
        except Exception:
            self._stale = not self._is_new
            raise
        self._open = response
        connection.check_answer(mark)
        self._chunks = response.iter_bytes() if response.is_stream_consumed else response.iter_raw()
        return head_of(response)

    def _trace(self, event: str, details: Any) -> None:
        """Note a new network stream."""
        if is_opened(event):
            assert self._connection is not None
            self._is_new = True
            stream = details["return_value"]
            try:
                self._pool.opened(self._connection, stream)
            except BaseException:
                stream.close()
                raise

    def receive(self) -> bytes | None:
        assert self._chunks is not None
        assert self._limits is not None
        self._limits.restart()
        chunk = next(self._chunks, None)
        if chunk is None and self._pool.closed:
            # What ends with its connection looks whole when that is shut down.
            raise TransportError("the client was closed")
        self._whole = chunk is None
        self._pool.moves += 1
        return chunk

    def close(self) -> None:
        connection, self._connection = self._connection, None
        response, self._open = self._open, None
        if connection is None:
            return
        try:
            if response is not None:
                response.close()
        finally:
            self._pool.give_back(connection, whole=self._whole, stale=self._stale)
