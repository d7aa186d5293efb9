"""Carries out the steps of an exchange with httpx and asyncio."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ._connections import Connection, Connections
from ._http import Http, TimeLimits
from ._operations import WireRequest
from ._settings import ResponseHead, Settings
from ._steps import Close, Deliver, GetToken, Receive, Send, Step, Steps, Wait
from ._tokens import AccessToken, StaticTokenProvider, TokenCache
from ._transport import Pump, head_of, provider_failure
from .errors import ConfigurationError, QError

if TYPE_CHECKING:
    import asyncio

    import httpx

    from .models import AnyEvent

__all__ = ["AsyncTransport"]

NO_LOOP: Final = "the async client needs the event loop of asyncio, and none is running"
NO_LOOP_REMEDY: Final = "Under trio, run QStreamingClientSync in a thread: trio.to_thread.run_sync."

_OPENED: Final = "connection.connect_tcp.complete"

_T = TypeVar("_T")


class AsyncTransport:
    """The connections and the token of one async client."""

    def __init__(self, settings: Settings) -> None:
        self._pool = _Pool(settings)
        self._http = self._pool.http
        self._provider = settings.provider
        self._tokens = TokenCache()
        self._asking: asyncio.Task[AccessToken] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._loop is not None:
            self._check_loop()
        await self._pool.aclose()

    def _check_loop(self) -> None:
        """Connections belong to the event loop that opened them; in another one they fail in odd ways."""
        import asyncio

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigurationError(NO_LOOP, remedy=NO_LOOP_REMEDY) from None
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise ConfigurationError(
                "the client was used in another event loop",
                remedy="Make a client in each asyncio.run(), or use QStreamingClientSync.",
            )

    async def call(self, exchange: Steps[_T]) -> _T:
        """Run an exchange that delivers nothing and return its result."""
        pump = Pump(exchange)
        async for _ in self.events(pump):
            pass
        return pump.result

    async def events(self, pump: Pump[_T]) -> AsyncGenerator[AnyEvent, None]:
        """Run an exchange and yield what it delivers; the response is closed in every case."""
        self._check_loop()
        failures = self._http.failures
        response = _Response(self._pool)
        try:
            while (step := pump.step()) is not None:
                if isinstance(step, Deliver):
                    yield step.event
                    pump.give(None)
                    continue
                try:
                    pump.give(await self._perform(step, response))
                except QError as error:
                    pump.fail(error)
                except failures as error:
                    pump.fail(self._http.translate(error))
        finally:
            await response.aclose()

    async def _perform(self, step: Step, response: _Response) -> object:
        match step:
            case Receive():
                return await response.receive()
            case Send(request):
                return await response.send(request)
            case GetToken(refused):
                return await self._token(refused)
            case Wait(seconds):
                await _sleep(seconds)
            case Close() | Deliver():
                await response.aclose()
        return None

    async def _token(self, refused: AccessToken | None) -> AccessToken:
        return self._tokens.current(refused) or await self._another(refused)

    async def _another(self, refused: AccessToken | None) -> AccessToken:
        """Ask the provider, one call at a time: a refresh token may be good for one use only.

        A call that is cancelled leaves its question to the calls after it.
        """
        if isinstance(self._provider, StaticTokenProvider):
            return await self._asked(refresh=refused is not None)
        import asyncio

        while self._asking is not None and not self._asking.done():
            await asyncio.wait([self._asking])
            token = self._tokens.current(refused)
            if token is not None:
                return token
        self._asking = asyncio.ensure_future(self._asked(refresh=refused is not None))
        self._asking.add_done_callback(_seen)
        return await asyncio.shield(self._asking)

    async def _asked(self, *, refresh: bool) -> AccessToken:
        return self._tokens.store(await self._ask(refresh=refresh))

    async def _ask(self, *, refresh: bool) -> object:
        get_token = self._provider.get_token
        try:
            if isinstance(self._provider, StaticTokenProvider):
                return self._provider.get_token(refresh=refresh)
            if inspect.iscoroutinefunction(get_token):
                return await get_token(refresh=refresh)
            answer = await _in_thread(partial(get_token, refresh=refresh))
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            raise provider_failure(error) from error


def _seen(asked: asyncio.Task[AccessToken]) -> None:
    """Look at the outcome, which nobody else may do: the call that asked can be cancelled."""
    if not asked.cancelled():
        asked.exception()


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


async def _in_thread(function: Callable[[], object]) -> object:
    import asyncio

    return await asyncio.to_thread(function)


class _Pool:
    """The connections, and the wait for one where as many are open as may be."""

    def __init__(self, settings: Settings) -> None:
        import asyncio

        self.http = Http(settings, "AsyncClient")
        self._connections = Connections(self.http, settings.max_connections)
        self._places = None if self.http.is_own else asyncio.Semaphore(settings.max_connections)

    async def take(self, url: str) -> Connection:
        """Return the connection for a request, which must be given back."""
        if self._places is None:
            return self._connections.take(url)
        await self._places.acquire()
        try:
            return self._connections.take(url)
        except BaseException:
            self._places.release()
            raise

    async def give_back(self, connection: Connection, *, whole: bool) -> None:
        """The answer on ``connection`` is closed; whether all of it was read."""
        try:
            for client in self._connections.give_back(connection, whole=whole):
                await client.aclose()
        finally:
            if self._places is not None:
                self._places.release()

    async def aclose(self) -> None:
        """Close every connection, unless they are the user's."""
        for client in self._connections.end():
            await client.aclose()


class _Response:
    """The response that is open at the moment, if one is."""

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._connection: Connection | None = None
        self._open: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._limits: TimeLimits | None = None
        self._whole = False
        self._opening: Any = None
        """The socket that was opened for the request, until it is answered."""

    async def send(self, request: WireRequest) -> ResponseHead:
        self._whole = False
        connection = self._connection = await self._pool.take(request.url)
        message = self._pool.http.message(connection.client, request)
        self._limits = message.extensions["timeout"]
        if not self._pool.http.is_own:
            message.extensions["trace"] = self._trace
        response: httpx.Response = await connection.client.send(message, stream=True, follow_redirects=False)
        self._open, self._opening = response, None
        self._chunks = response.aiter_bytes() if response.is_stream_consumed else response.aiter_raw()
        return head_of(response)

    async def _trace(self, event: str, details: Any) -> None:
        """Note a new socket, which the library leaves open when it is cancelled in the TLS handshake."""
        if event == _OPENED:
            self._opening = details["return_value"]

    async def receive(self) -> bytes | None:
        assert self._chunks is not None
        assert self._limits is not None
        self._limits.restart()
        chunk = await anext(self._chunks, None)
        self._whole = chunk is None
        return chunk

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # In a task of its own: cancelled halfway, it would leave the connection in use for ever.
            await _in_any_case(self._close(connection))

    async def _close(self, connection: Connection) -> None:
        response, self._open = self._open, None
        opening, self._opening = self._opening, None
        try:
            if response is not None:
                await response.aclose()
            elif opening is not None:
                await opening.aclose()
        finally:
            await self._pool.give_back(connection, whole=self._whole)


async def _in_any_case(work: Coroutine[Any, Any, None]) -> None:
    """Do ``work`` to its end, although this task is cancelled meanwhile; then be cancelled."""
    import asyncio

    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
