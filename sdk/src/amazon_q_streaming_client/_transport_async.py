"""Carries out the steps of an exchange with httpx and asyncio."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ._exceptions import ConfigurationError, QError
from ._exchange import Close, Deliver, GetToken, Receive, ResponseHead, Send, Step, Steps, Wait
from ._operations import WireRequest
from ._settings import Settings
from ._tokens import AccessToken, StaticTokenProvider, TokenCache
from ._transport import CLOSED, Pump, client_options, head_of, provider_failure, translate

if TYPE_CHECKING:
    import httpx

    from .models import Event

__all__ = ["AsyncTransport"]

_T = TypeVar("_T")


class AsyncTransport:
    """The connections and the token of one async client."""

    def __init__(self, settings: Settings) -> None:
        import asyncio

        self._pools = _Pools(client_options(settings))
        self._provider = settings.provider
        self._tokens = TokenCache()
        self._token_lock = asyncio.Lock()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pools.aclose()

    async def call(self, exchange: Steps[_T]) -> _T:
        """Run an exchange that delivers nothing and return its result."""
        pump = Pump(exchange)
        async for _ in self.events(pump):
            pass
        return pump.result

    async def events(self, pump: Pump[_T]) -> AsyncGenerator[Event, None]:
        """Run an exchange and yield what it delivers; the response is closed in every case."""
        import httpx

        response = _Response(self._pools)
        try:
            while (step := pump.step()) is not None:
                if isinstance(step, Deliver):
                    yield step.event
                    pump.give(None)
                    continue
                try:
                    pump.give(await self._perform(step, response))
                except httpx.HTTPError as error:
                    pump.fail(translate(error))
                except QError as error:
                    pump.fail(error)
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
        # One call at a time asks the provider: a refresh token may be good for one use only.
        async with self._token_lock:
            token = self._tokens.current(refused)
            if token is None:
                token = self._tokens.store(await self._ask(refresh=refused is not None))
            return token

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


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


async def _in_thread(function: Callable[[], object]) -> object:
    import asyncio

    return await asyncio.to_thread(function)


class _Pool:
    """The connections of one httpx client, and how many responses are open on them."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        import httpx

        self.client = httpx.AsyncClient(**options)
        self.responses = 0


class _Pools:
    """The pool that requests are sent on, and those that only wait for their last response to end.

    A call that is cancelled just after its connection was opened, or while its response ends by itself,
    leaves that connection in httpx's pool, where it takes a place for ever and is never used again (httpcore
    1.0). So a pool in which that can have happened gets no more requests, and is closed when its last
    response is.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._closed = False
        self.current = _Pool(options)
        self._retired: list[_Pool] = []

    def take(self) -> _Pool:
        """The pool for a new request, which counts as one of its responses until it is given back."""
        if self._closed:
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
            if pool is self.current and not self._closed:
                self._retired.append(pool)
                self.current = _Pool(self._options)
            raise

    async def aclose(self) -> None:
        """Close every connection."""
        self._closed = True
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
        message = pool.client.build_request(
            request.method, request.url, headers=dict(request.headers), content=request.body
        )
        with self._pools.retired_on_cancelling(pool):
            self._open = await pool.client.send(message, stream=True)
        self._chunks = self._open.aiter_bytes()
        return head_of(self._open)

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
