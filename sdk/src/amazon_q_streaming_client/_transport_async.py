"""Carries out the steps of an exchange with httpx and asyncio."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from ._connections_async import Pool, Response
from ._settings import Settings
from ._steps import Close, Deliver, GetToken, Receive, Send, Step, Steps, Wait
from ._tokens import AccessToken, StaticTokenProvider, TokenCache
from ._transport import Pump, provider_failure
from .errors import ConfigurationError, QError

if TYPE_CHECKING:
    import asyncio

    from .models import AnyEvent

__all__ = ["AsyncTransport"]

NO_LOOP: Final = "the async client needs the event loop of asyncio, and none is running"
NO_LOOP_REMEDY: Final = "Under trio, run QStreamingClientSync in a thread: trio.to_thread.run_sync."

_T = TypeVar("_T")


class AsyncTransport:
    """The connections and the token of one async client."""

    def __init__(self, settings: Settings) -> None:
        self._pool = Pool(settings)
        self._http = self._pool.http
        self._provider = settings.provider
        self._tokens = TokenCache()
        self._asking: asyncio.Task[AccessToken] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def aclose(self) -> None:
        """Close all connections."""
        if self._loop is None:
            self._pool.end()  # none was opened
            return
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
        response = Response(self._pool)
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

    async def _perform(self, step: Step, response: Response) -> object:
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
