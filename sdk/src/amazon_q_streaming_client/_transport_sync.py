"""Carries out the steps of an exchange with httpx, blocking."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar

from ._connections_sync import Pool, Response
from ._http import Http
from ._settings import Settings
from ._steps import Close, Deliver, GetToken, Receive, Send, Step, Steps, Wait
from ._tokens import AccessToken, TokenCache
from ._transport import Pump, provider_failure
from .errors import ConfigurationError, QError

if TYPE_CHECKING:
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
        self._pool = Pool(self._http, self._settings)
        self._tokens = TokenCache()
        self._token_lock = threading.Lock()
        # Last: another thread that sees it finds nothing of the parent's.
        self._process = os.getpid()

    def _check_process(self) -> None:
        """Begin anew in a forked process: two that share a connection read each other's answers."""
        if self._process != os.getpid() and not self._closed:
            self._start()

    def close(self) -> None:
        """Close all connections of this process, unless the HTTP client is the user's."""
        self._check_process()
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
        response = Response(self._pool)
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

    def _perform(self, step: Step, response: Response) -> object:
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
