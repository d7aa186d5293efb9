"""Carries out the steps of an exchange with httpx and asyncio."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ._http import CLOSED, Http
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

_T = TypeVar("_T")


class AsyncTransport:
    """The connections and the token of one async client."""

    def __init__(self, settings: Settings) -> None:

        self._http = Http(settings, "AsyncClient")
        self._pools = _Pools(self._http)
        self._provider = settings.provider
        self._tokens = TokenCache()
        self._asking: asyncio.Task[AccessToken] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._loop is not None:
            self._check_loop()
        await self._pools.aclose()

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
        response = _Response(self._pools)
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
    """The connections of one HTTP client, and how many responses are open on them."""

    def __init__(self, http: Http) -> None:
        self.client = http.client()
        self.responses = 0


class _Pools:
    """The pool that requests are sent on, and those that only wait for their last response to end.

    A call that is cancelled just after its connection was opened, or while its response ends by itself,
    leaves that connection in httpx's pool, where it takes a place for ever and is never used again (httpcore
    1.0). So a pool in which that can have happened gets no more requests, and is closed when its last
    response is. The user's own client is left alone: its connections are the user's.
    """

    def __init__(self, http: Http) -> None:
        self.http = http
        self._closed = False
        self.current = _Pool(http)
        self._retired: list[_Pool] = []

    def take(self) -> _Pool:
        """The pool for a new request, which counts as one of its responses until it is given back."""
        if self._closed or self.current.client.is_closed:
            raise ConfigurationError(CLOSED)
        self.current.responses += 1
        return self.current

    async def give_back(self, pool: _Pool) -> None:
        """A response of ``pool`` is closed."""
        pool.responses -= 1
        if pool in self._retired and not pool.responses:
            self._retired.remove(pool)
            await pool.client.aclose()

    @contextmanager
    def retired_on_cancelling(self, pool: _Pool) -> Iterator[None]:
        """Send no more requests on ``pool`` when what is done inside is cancelled."""
        import asyncio

        try:
            yield
        except asyncio.CancelledError:
            if pool is self.current and not self._closed and not self.http.is_own:
                self._retired.append(pool)
                self.current = _Pool(self.http)
            raise

    async def aclose(self) -> None:
        """Close every connection, unless they are the user's."""
        self._closed = True
        if self.http.is_own:
            return
        for pool in (self.current, *self._retired):
            await pool.client.aclose()


class _Response:
    """The response that is open at the moment, if one is."""

    def __init__(self, pools: _Pools) -> None:
        self._pools = pools
        self._pool: _Pool | None = None
        self._open: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def send(self, request: WireRequest) -> ResponseHead:
        pool = self._pool = self._pools.take()
        message = self._pools.http.message(pool.client, request)
        with self._pools.retired_on_cancelling(pool):
            response: httpx.Response = await pool.client.send(message, stream=True, follow_redirects=False)
        self._open = response
        self._chunks = response.aiter_bytes() if response.is_stream_consumed else response.aiter_raw()
        return head_of(response)

    async def receive(self) -> bytes | None:
        assert self._chunks is not None
        assert self._pool is not None
        with self._pools.retired_on_cancelling(self._pool):
            return await anext(self._chunks, None)

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            # In a task of its own: cancelled halfway, it would leave the connection in use for ever.
            await _in_any_case(self._close(pool))

    async def _close(self, pool: _Pool) -> None:
        response, self._open = self._open, None
        try:
            if response is not None:
                await response.aclose()
        finally:
            await self._pools.give_back(pool)


async def _in_any_case(work: Coroutine[Any, Any, None]) -> None:
    """Do ``work`` to its end, although this task is cancelled meanwhile; then be cancelled."""
    import asyncio

    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
