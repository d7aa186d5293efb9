"""The connections of a client: each open answer has one of its own, and the idle ones wait for the next."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from ._http import Http, TimeLimits
from ._watched import Watch
from .errors import ConfigurationError, QError, TransportError

__all__ = ["Connection", "Connections", "all_taken", "is_opened"]

KEPT: Final = 5.0
"""Seconds that an idle connection is kept: as long as the library keeps one."""
_SIGNS_OF_LIFE: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 8}
"""Seconds before the first question, seconds between them, and how many may stay without an answer."""
_CLOSED_REMEDY: Final = "Make another one; leaving its 'with' or 'async with' closes a client."

Mark: TypeAlias = tuple[Watch | None, int]
"""A network stream, and how often it was read."""


@dataclass(slots=True, eq=False)
class Connection:
    """An HTTP client that holds one connection at most, or the user's own client with all of its own."""

    client: Any
    host: str = ""
    idle_since: float = 0.0
    watch: Watch | None = None
    """Of the network stream that the library opened last."""
    limits: TimeLimits | None = None

    @property
    def stream(self) -> Any:
        """The network stream that the library opened last; None before the first one."""
        return self.watch and self.watch.stream

    def begin(self, limits: TimeLimits) -> Mark:
        """Note the time limits of the question that is sent next; return the mark for ``check_answer``."""
        self.limits = limits
        if self.watch is not None:
            self.watch.limits = limits
        return self._mark()

    def _mark(self) -> Mark:
        return self.watch, self.watch.reads if self.watch else 0

    def check_answer(self, mark: Mark) -> None:
        """Raise TransportError for an answer without anything that was read since the ``mark``.

        It came with the one before, to a question that is not this one.
        """
        if self.watch is not None and self._mark() == mark:
            raise TransportError("the connection is out of step: an answer came before its question")

    def is_silent(self) -> bool:
        """Whether nothing came since its last answer.

        What comes then is the end of the connection, or goes before it; the library looks for that with
        HTTP/1.1 alone.
        """
        return self.stream is None or not self.stream.get_extra_info("is_readable")


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
        self._spoilt: list[Any] = []
        """Clients to close with the next ones."""

    def take(self, url: str) -> Connection:
        """Return the connection for a request; it must be given back. Raises ConfigurationError if closed."""
        self._check_open()
        if self._http.is_own and self._idle[0].client.is_closed:
            raise ConfigurationError("the client given as http_client is closed", remedy=_CLOSED_REMEDY)
        if self._http.is_own:
            return self._idle[0]
        host = urlsplit(url).netloc
        connection = self._idle_one(host) or Connection(self._http.client())
        connection.host = host
        if connection.watch is not None:
            connection.watch.requests += 1
        self._taken.add(connection)
        return connection

    @property
    def closed(self) -> bool:
        """Whether no more connections are given out."""
        return self._closed

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigurationError("the client is closed", remedy=_CLOSED_REMEDY)

    def _idle_one(self, host: str) -> Connection | None:
        """One that was used with ``host``, a new one, or if there may be no more, any."""
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index].host in (host, ""):
                connection = self._idle.pop(index)
                if connection.is_silent():
                    return connection
                self._spoilt.append(connection.client)
        full = len(self._idle) + len(self._taken) >= self._limit
        return self._idle.pop(0) if full and self._idle else None

    def opened(self, connection: Connection, stream: Any) -> None:
        """Note the network ``stream`` of a taken connection. Raises ConfigurationError if closed."""
        connection.watch = Watch(stream, connection.limits, blocking=self._http.blocks)
        _keep_alive(stream)
        self._check_open()

    def give_back(self, connection: Connection, *, whole: bool, stale: bool = False) -> list[Any]:
        """Take a connection back, idle if its answer was read as a ``whole``; return the clients to close.

        ``stale`` says that it had been idle and gave no answer: whatever ended it, as a pause of this
        machine, has ended the other idle ones of its host too, and none of them should take the next tries.
        """
        if self._http.is_own:
            return []
        self._taken.discard(connection)
        now = self._clock()
        old, self._spoilt = self._spoilt, []
        fresh = 0
        while fresh < len(self._idle) and self._idle[fresh].idle_since < now - KEPT:
            fresh += 1
        expired, self._idle = self._idle[:fresh], self._idle[fresh:]
        if stale:
            expired += [idle for idle in self._idle if idle.host == connection.host]
            self._idle = [idle for idle in self._idle if idle.host != connection.host]
        is_ending = connection.watch is not None and connection.watch.is_ending
        if whole and not is_ending and not self._closed:
            connection.idle_since = now
            self._idle.append(connection)
        else:
            expired.append(connection)
        return [*old, *(each.client for each in expired)]

    def end(self) -> tuple[list[Any], list[Connection]]:
        """Give out no more connections; return the clients to close, and the connections that are taken."""
        self._closed = True
        if self._http.is_own:
            return [], []
        old, self._spoilt = self._spoilt, []
        idle, self._idle = self._idle, []
        return [*old, *(each.client for each in idle)], list(self._taken)


def _keep_alive(stream: Any) -> None:
    """Let the system ask for signs of life.

    In the silence of a model that thinks, a router on the way may forget the connection, and tells nobody.
    """
    opened = stream.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _SIGNS_OF_LIFE.items():
            if hasattr(socket, name):
                opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def is_opened(event: str) -> bool:
    """Whether the library says with the ``event`` of a trace that it opened a network stream."""
    return event.endswith((".connect_tcp.complete", ".start_tls.complete"))


def all_taken(limit: int, seconds: float) -> QError:
    """The error of a call that waits for a place while no one reads the answers that have the places."""
    return ConfigurationError(
        f"no connection is free: nothing was read from the {limit} open answers for {seconds:g} seconds",
        remedy="Close answers that are left early, as 'with' and 'async with' do, or raise max_connections.",
    )
