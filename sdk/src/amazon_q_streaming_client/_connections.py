"""The connections of a client: each open answer has one of its own, and the idle ones wait for the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from ._http import Http
from .errors import ConfigurationError

__all__ = ["Connection", "Connections"]

KEPT: Final = 5.0
"""Seconds that an idle connection is kept: as long as the library keeps one."""
_CLOSED_REMEDY: Final = "Make another one; leaving its 'with' or 'async with' closes a client."


@dataclass(slots=True, eq=False)
class Connection:
    """An HTTP client that holds one connection at most, or the user's own client with all of its own."""

    client: Any
    host: str = ""
    idle_since: float = 0.0


class Connections:
    """Which connections are idle and which are taken. It waits for nothing and closes nothing by itself.

    The library's own pool is not used to share connections, for what it shares goes wrong (httpcore 1 and 2):
    - A call that is cancelled just after its connection was opened, or while its response ends by itself,
      leaves a connection in the pool that takes a place for ever.
    - Calls on one connection of HTTP/2 wait for each other's locks, beyond their own time limits and for ever
      when the server lowers the number of streams; a stream that is left is not reset, so the service sends
      on, and what it sends uses up the window of the others.
    - Each request looks through all others and all connections.

    So a connection serves one answer at a time, and is closed unless that was read to its end. The user's own
    client is left alone: its connections are the user's.
    """

    def __init__(self, http: Http, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._limit = limit
        self._clock = clock
        self._closed = False
        self._idle = [Connection(http.client())]
        """Those that were used last are last."""
        self._taken: set[Connection] = set()

    def take(self, url: str) -> Connection:
        """Return the connection for a request; it must be given back. Raises ConfigurationError if closed."""
        if self._closed:
            raise ConfigurationError("the client is closed", remedy=_CLOSED_REMEDY)
        if self._http.is_own and self._idle[0].client.is_closed:
            raise ConfigurationError("the client given as http_client is closed", remedy=_CLOSED_REMEDY)
        if self._http.is_own:
            return self._idle[0]
        host = urlsplit(url).netloc
        connection = self._idle_one(host) or Connection(self._http.client())
        connection.host = host
        self._taken.add(connection)
        return connection

    def _idle_one(self, host: str) -> Connection | None:
        """One that was used with ``host``, a new one, or if there may be no more, any."""
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index].host in (host, ""):
                return self._idle.pop(index)
        full = len(self._idle) + len(self._taken) >= self._limit
        return self._idle.pop(0) if full and self._idle else None

    def give_back(self, connection: Connection, *, whole: bool) -> Iterable[Any]:
        """Take a connection back, idle if its answer was read as a ``whole``; return the clients to close."""
        if self._http.is_own:
            return ()
        self._taken.discard(connection)
        now = self._clock()
        fresh = 0
        while fresh < len(self._idle) and self._idle[fresh].idle_since < now - KEPT:
            fresh += 1
        expired, self._idle = self._idle[:fresh], self._idle[fresh:]
        if whole and not self._closed:
            connection.idle_since = now
            self._idle.append(connection)
        else:
            expired.append(connection)
        return [old.client for old in expired]

    def end(self) -> Iterable[Any]:
        """Give out no more connections; return the clients to close."""
        self._closed = True
        if self._http.is_own:
            return ()
        idle, self._idle = self._idle, []
        return [connection.client for connection in (*idle, *self._taken)]
