"""Tokens of the calls: asked for once, refreshed once, and what providers may do wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amazon_q_streaming_client import (
    AccessToken,
    ConfigurationError,
    ExpiredTokenError,
    QStreamingClient,
    QStreamingClientSync,
    TokenError,
    collect,
    collect_sync,
)
from loopback import Loopback, Reply, Request
from scripts import ask_again, fails, good

EXPIRED = {
    "__type": "AccessDeniedException",
    "message": "The bearer token included in the request is invalid.",
}


class Provider:
    """Hands out token-1, then another one at each refresh."""

    def __init__(self, *, lifetime: float = 3600, fresh: bool = True) -> None:
        self.asked: list[bool] = []
        self.lifetime = lifetime
        self.fresh = fresh

    def get_token(self, *, refresh: bool = False) -> AccessToken:
        self.asked.append(refresh)
        number = 1 + (sum(self.asked) if self.fresh else 0)
        return AccessToken(f"token-{number}", datetime.now(UTC) + timedelta(seconds=self.lifetime))


def test_an_expired_token_is_refreshed_once_and_kept(server: Loopback) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        if request.headers["authorization"] == "Bearer token-2":
            await good(request, reply)
        else:
            await reply.document(EXPIRED, 403)

    server.handler = handler
    provider = Provider()
    with QStreamingClientSync(token_provider=provider, endpoint=server.url) as client:
        for _ in range(2):
            assert collect_sync(client.generate_assistant_response("q")).text == "ok"
    assert provider.asked == [False, True]


def test_a_token_that_stays_refused_is_not_refreshed_twice(server: Loopback) -> None:
    server.handler = fails(EXPIRED, 403)
    provider = Provider()
    with pytest.raises(ExpiredTokenError):
        ask_again(server, token_provider=provider)
    assert provider.asked == [False, True]
    assert len(server.requests) == 2


def test_a_refresh_that_gives_the_same_token_ends_the_call(server: Loopback) -> None:
    server.handler = fails(EXPIRED, 403)
    provider = Provider(fresh=False)
    with pytest.raises(ExpiredTokenError):
        ask_again(server, token_provider=provider)
    assert len(server.requests) == 1


def test_a_token_that_was_handed_over_is_not_refreshed(server: Loopback) -> None:
    server.handler = fails(EXPIRED, 401)
    with pytest.raises(ExpiredTokenError):
        ask_again(server)
    assert len(server.requests) == 1


def test_a_token_about_to_end_is_asked_for_again(server: Loopback) -> None:
    server.handler = good
    provider = Provider(lifetime=30)
    with QStreamingClientSync(token_provider=provider, endpoint=server.url) as client:
        for _ in range(3):
            collect_sync(client.generate_assistant_response("q"))
    assert provider.asked == [False, False, False]


def test_many_calls_at_a_time_refresh_one_token_once(server: Loopback) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        if request.headers["authorization"] == "Bearer token-2":
            await good(request, reply)
        else:
            await reply.document(EXPIRED, 403)

    async def run(provider: Any) -> None:
        async with QStreamingClient(token_provider=provider, endpoint=server.url) as client:
            await asyncio.gather(*(collect(client.generate_assistant_response("q")) for _ in range(10)))

    server.handler = handler
    blocking, later = Provider(), AsyncProvider()
    asyncio.run(run(blocking))
    asyncio.run(run(later))
    assert blocking.asked == later.inner.asked == [False, True]


class AsyncProvider:
    def __init__(self) -> None:
        self.inner = Provider()

    async def get_token(self, *, refresh: bool = False) -> AccessToken:
        return self.inner.get_token(refresh=refresh)


class AwaitableProvider:
    """Returns an awaitable from a plain method, as a partial or a decorated coroutine does."""

    def get_token(self, *, refresh: bool = False) -> Awaitable[AccessToken]:
        return AsyncProvider().get_token(refresh=refresh)


def test_a_provider_may_return_an_awaitable(server: Loopback) -> None:
    async def run() -> str:
        async with QStreamingClient(token_provider=AwaitableProvider(), endpoint=server.url) as client:
            return (await collect(client.generate_assistant_response("q"))).text

    server.handler = good
    assert asyncio.run(run()) == "ok"


def test_the_blocking_client_refuses_an_async_provider() -> None:
    with pytest.raises(ConfigurationError, match="AsyncTokenProvider"):
        QStreamingClientSync(token_provider=AsyncProvider())


class FailingProvider:
    def __init__(self, outcome: object) -> None:
        self.outcome = outcome

    def get_token(self, *, refresh: bool = False) -> AccessToken:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome  # type: ignore[return-value]


@pytest.mark.parametrize("outcome", [OSError("disk"), TokenError("mine"), "a string", None])
def test_a_provider_that_fails_is_a_token_error(server: Loopback, outcome: object) -> None:
    async def run() -> None:
        async with QStreamingClient(token_provider=FailingProvider(outcome), endpoint=server.url) as client:
            await collect(client.generate_assistant_response("q"))

    with pytest.raises(TokenError):
        ask_again(server, token_provider=FailingProvider(outcome))
    with pytest.raises(TokenError):
        asyncio.run(run())
    assert server.requests == []
