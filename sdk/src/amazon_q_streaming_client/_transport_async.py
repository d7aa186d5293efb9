"""Carries out the steps of an exchange with httpx and asyncio."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

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

        import httpx

        self._client = httpx.AsyncClient(**client_options(settings))
        self._provider = settings.provider
        self._tokens = TokenCache()
        self._token_lock = asyncio.Lock()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def call(self, exchange: Steps[_T]) -> _T:
        """Run an exchange that delivers nothing and return its result."""
        pump = Pump(exchange)
        async for _ in self.events(pump):
            pass
        return pump.result

    async def events(self, pump: Pump[_T]) -> AsyncGenerator[Event, None]:
        """Run an exchange and yield what it delivers; the response is closed in every case."""
        import httpx

        response = _Response(self._client)
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


class _Response:
    """The response that is open at the moment, if one is."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._open: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def send(self, request: WireRequest) -> ResponseHead:
        if self._client.is_closed:
            raise ConfigurationError(CLOSED)
        message = self._client.build_request(
            request.method, request.url, headers=dict(request.headers), content=request.body
        )
        self._open = await self._client.send(message, stream=True)
        self._chunks = self._open.aiter_bytes()
        return head_of(self._open)

    async def receive(self) -> bytes | None:
        assert self._chunks is not None
        return await anext(self._chunks, None)

    async def aclose(self) -> None:
        response, self._open = self._open, None
        if response is not None:
            await response.aclose()
