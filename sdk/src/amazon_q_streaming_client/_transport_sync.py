"""Carries out the steps of an exchange with httpx, blocking."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, TypeVar

from ._connections import Connection, Connections
from ._http import Http, TimeLimits
from ._operations import WireRequest
from ._settings import ResponseHead, Settings
from ._steps import Close, Deliver, GetToken, Receive, Send, Step, Steps, Wait
from ._tokens import AccessToken, TokenCache
from ._transport import Pump, head_of, provider_failure
from .errors import ConfigurationError, QError

if TYPE_CHECKING:
    import httpx

    from .models import AnyEvent

__all__ = ["SyncTransport"]

_T = TypeVar("_T")


class SyncTransport:
    """The connections and the token of one blocking client."""

    def __init__(self, settings: Settings) -> None:
        if inspect.iscoroutinefunction(settings.provider.get_token):
            raise ConfigurationError("the blocking client cannot use an AsyncTokenProvider")
        self._http = Http(settings, "Client")
        self._settings = settings
        self._closed = False
        self._provider = settings.provider
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._pool = _Pool(self._http, self._settings)
        self._tokens = TokenCache()
        self._token_lock = threading.Lock()

    def _check_process(self) -> None:
        """Begin anew in a forked process: two that share a connection read each other's answers."""
        if self._process != os.getpid() and not self._closed:
            self._start()

    def close(self) -> None:
        """Close all connections, unless the HTTP client is the user's."""
        self._closed = True
        self._pool.close()

    def call(self, exchange: Steps[_T]) -> _T:
        """Run an exchange that delivers nothing and return its result."""
        pump = Pump(exchange)
        for _ in self.events(pump):
            pass
        return pump.result

    def events(self, pump: Pump[_T]) -> Generator[AnyEvent, None, None]:
        """Run an exchange and yield what it delivers; the response is closed in every case."""
        self._check_process()
        failures = self._http.failures
        response = _Response(self._pool)
        try:
            while (step := pump.step()) is not None:
                if isinstance(step, Deliver):
                    yield step.event
                    pump.give(None)
                    continue
                try:
                    pump.give(self._perform(step, response))
                except QError as error:
                    pump.fail(error)
                except failures as error:
                    pump.fail(self._http.translate(error))
        finally:
            response.close()

    def _perform(self, step: Step, response: _Response) -> object:
        match step:
            case Receive():
                return response.receive()
            case Send(request):
                return response.send(request)
            case GetToken(refused):
                return self._token(refused)
            case Wait(seconds):
                time.sleep(seconds)
            case Close() | Deliver():
                response.close()
        return None

    def _token(self, refused: AccessToken | None) -> AccessToken:
        with self._token_lock:
            token = self._tokens.current(refused)
            if token is None:
                token = self._tokens.store(self._ask(refresh=refused is not None))
            return token

    def _ask(self, *, refresh: bool) -> object:
        try:
            return self._provider.get_token(refresh=refresh)
        except Exception as error:
            raise provider_failure(error) from error


class _Pool:
    """The connections, and the wait for one where as many are open as may be; threads may share it."""

    def __init__(self, http: Http, settings: Settings) -> None:
        self.http = http
        self._connections = Connections(http, settings.max_connections)
        self._lock = threading.Lock()
        self._places = None if http.is_own else threading.Semaphore(settings.max_connections)

    def take(self, url: str) -> Connection:
        """Return the connection for a request, which must be given back."""
        if self._places is not None:
            self._places.acquire()
        try:
            with self._lock:
                return self._connections.take(url)
        except BaseException:
            self._leave()
            raise

    def give_back(self, connection: Connection, *, whole: bool) -> None:
        """The answer on ``connection`` is closed; whether all of it was read."""
        try:
            with self._lock:
                old = self._connections.give_back(connection, whole=whole)
            for client in old:
                client.close()
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._places is not None:
            self._places.release()

    def close(self) -> None:
        """Close every connection, unless they are the user's."""
        with self._lock:
            old = self._connections.end()
        for client in old:
            client.close()


class _Response:
    """The response that is open at the moment, if one is."""

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._open: httpx.Response | None = None
        self._chunks: Iterator[bytes] | None = None
        self._limits: TimeLimits | None = None
        self._whole = False

    def send(self, request: WireRequest) -> ResponseHead:
        self._whole = False
        connection = self._connection = self._pool.take(request.url)
        message = self._pool.http.message(connection.client, request)
        self._limits = message.extensions["timeout"]
        response: httpx.Response = connection.client.send(message, stream=True, follow_redirects=False)
        self._open = response
        self._chunks = response.iter_bytes() if response.is_stream_consumed else response.iter_raw()
        return head_of(response)

    def receive(self) -> bytes | None:
        assert self._chunks is not None
        assert self._limits is not None
        self._limits.restart()
        chunk = next(self._chunks, None)
        self._whole = chunk is None
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
            self._pool.give_back(connection, whole=self._whole)
