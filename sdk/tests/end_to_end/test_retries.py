"""Retries and tokens, against the loopback server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amazon_q_streaming_client import (
    AccessToken,
    ConfigurationError,
    EndpointError,
    ExpiredTokenError,
    InvalidArgumentError,
    MonthlyLimitError,
    QError,
    QStreamingClient,
    QStreamingClientSync,
    ResourceNotFoundError,
    RetryPolicy,
    ServiceError,
    StaticTokenProvider,
    StreamBrokenError,
    ThrottledError,
    TokenError,
    TokenKind,
    TransportError,
    UnknownEvent,
    WireForm,
    collect,
    collect_sync,
    encode_message,
)
from frames import exception, text
from loopback import Loopback, Reply, Request

QUICK = RetryPolicy(attempts=3, base_delay=0.001, max_delay=0.01)
EXPIRED = {
    "__type": "AccessDeniedException",
    "message": "The bearer token included in the request is invalid.",
}
ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/P"

Script = Callable[[Request, Reply], Awaitable[None]]


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


def scripted(*scripts: Script) -> Script:
    """Answer the first request with the first script, and so on; the last one again and again."""
    left = list(scripts)

    async def handler(request: Request, reply: Reply) -> None:
        script = left.pop(0) if len(left) > 1 else left[0]
        await script(request, reply)

    return handler


def fails(document: dict[str, Any], status: int, **headers: str) -> Script:
    async def script(_: Request, reply: Reply) -> None:
        await reply.document(document, status, **headers)

    return script


async def good(_: Request, reply: Reply) -> None:
    await reply.stream(text("ok"))


async def in_stream(_: Request, reply: Reply) -> None:
    await reply.stream(exception("throttlingException", {"message": "first message"}))


async def cut(_: Request, reply: Reply) -> None:
    await reply.cut()


async def cut_first_message(_: Request, reply: Reply) -> None:
    await reply.head()
    await reply.data(text("ok")[:30])
    await reply.cut()


def ask(server: Loopback, **options: Any) -> str:
    given = {"access_token": "tok", "retry": QUICK, "endpoint": server.url, **options}
    if "token_provider" in options:
        del given["access_token"]
    with QStreamingClientSync(**given) as client:
        return collect_sync(client.generate_assistant_response("q")).text


@pytest.mark.parametrize(
    "failure",
    [
        fails({"__type": "ThrottlingException"}, 429),
        fails({"__type": "InternalServerException"}, 500),
        fails({}, 503, retry_after="0"),
        in_stream,
        cut,
        cut_first_message,
    ],
    ids=["throttled", "internal", "unavailable", "exception first in stream", "cut", "cut in first message"],
)
def test_a_failure_before_the_first_event_is_retried(server: Loopback, failure: Script) -> None:
    server.handler = scripted(failure, failure, good)
    assert ask(server) == "ok"
    heads = [request.headers for request in server.requests]
    assert [head["amz-sdk-request"] for head in heads] == [f"attempt={n}; max=3" for n in (1, 2, 3)]
    assert len({head["amz-sdk-invocation-id"] for head in heads}) == 1


def test_the_async_client_retries_in_the_same_way(server: Loopback) -> None:
    async def run() -> str:
        async with QStreamingClient(access_token="tok", endpoint=server.url, retry=QUICK) as client:
            return (await collect(client.generate_assistant_response("q"))).text

    server.handler = scripted(fails({}, 429), cut, good)
    assert asyncio.run(run()) == "ok"
    assert len(server.requests) == 3


@pytest.mark.parametrize("ending", ["cut", "throttled"])
def test_nothing_is_retried_once_an_event_was_delivered(server: Loopback, ending: str) -> None:
    """The caller would see the start of the answer twice."""

    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(text("once"))
        if ending == "throttled":
            await reply.data(exception("throttlingException", {"message": "m"}))
        else:
            await reply.cut()

    server.handler = handler
    with pytest.raises(StreamBrokenError if ending == "cut" else ThrottledError):
        ask(server)
    assert len(server.requests) == 1


def test_the_last_failure_is_raised_after_three_tries(server: Loopback) -> None:
    server.handler = fails({"__type": "ThrottlingException", "message": "busy"}, 429)
    with pytest.raises(ThrottledError, match="busy"):
        ask(server)
    assert len(server.requests) == 3


@pytest.mark.parametrize("retry_after", ["120", "soon"])
def test_a_wait_that_is_too_long_is_left_to_the_caller(server: Loopback, retry_after: str) -> None:
    server.handler = fails({"__type": "ThrottlingException"}, 429, retry_after=retry_after)
    with pytest.raises(ThrottledError) as caught:
        ask(server)
    assert caught.value.retry_after == (120 if retry_after == "120" else None)
    assert len(server.requests) == (1 if retry_after == "120" else 3)


def test_a_monthly_limit_is_never_retried(server: Loopback) -> None:
    server.handler = fails({"__type": "ThrottlingException", "reason": "MONTHLY_REQUEST_COUNT"}, 429)
    with pytest.raises(MonthlyLimitError):
        ask(server)
    assert len(server.requests) == 1


def test_a_throttled_client_waits_before_its_next_call(server: Loopback) -> None:
    """The wait is bounded here by the policy; that there is one is shown by the pace itself."""
    server.handler = scripted(fails({}, 429), good)
    with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=QUICK) as client:
        assert collect_sync(client.generate_assistant_response("q")).text == "ok"
        client._pace._state.pressure = 2
        client._pace._state.throttled_at = client._pace._clock()
        assert collect_sync(client.generate_assistant_response("q")).text == "ok"


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
        ask(server, token_provider=provider)
    assert provider.asked == [False, True]
    assert len(server.requests) == 2


def test_a_refresh_that_gives_the_same_token_ends_the_call(server: Loopback) -> None:
    server.handler = fails(EXPIRED, 403)
    provider = Provider(fresh=False)
    with pytest.raises(ExpiredTokenError):
        ask(server, token_provider=provider)
    assert len(server.requests) == 1


def test_a_token_that_was_handed_over_is_not_refreshed(server: Loopback) -> None:
    server.handler = fails(EXPIRED, 401)
    with pytest.raises(ExpiredTokenError):
        ask(server)
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
        ask(server, token_provider=FailingProvider(outcome))
    with pytest.raises(TokenError):
        asyncio.run(run())
    assert server.requests == []


@pytest.mark.parametrize("form", list(WireForm))
def test_the_headers_are_those_of_the_service(server: Loopback, form: WireForm) -> None:
    server.handler = good
    options: dict[str, Any] = {"api_key": "ksk_1", "endpoint": server.url, "wire_form": form}
    with QStreamingClientSync(**options, opt_out=True, profile_arn=ARN, user_agent="mine/1") as client:
        collect_sync(client.generate_assistant_response("q", agent_mode="vibe"))
        collect_sync(client.send_message("q", dry_run=True, source="CLI"))
    first, second = server.requests
    assert first.headers["authorization"] == "Bearer ksk_1"
    assert first.headers["tokentype"] == "API_KEY"
    assert first.headers["x-amzn-codewhisperer-optout"] == "true"
    assert first.headers["x-amzn-kiro-agent-mode"] == "vibe"
    assert first.headers["user-agent"].startswith("mine/1 amazon-q-streaming-client/")
    assert first.members["profileArn"] == second.members["profileArn"] == ARN
    assert ("agentMode" in first.members) is (form is WireForm.AWS_JSON)
    assert (second.members["dryRun"], second.members["source"]) == (True, "CLI")
    if form is WireForm.AWS_JSON:
        assert (first.target, first.headers["content-type"]) == ("/", "application/x-amz-json-1.0")
        assert first.headers["x-amz-target"].startswith("AmazonCodeWhispererStreamingService.")
    else:
        assert first.target == "/generateAssistantResponse"
        assert first.headers["content-type"] == "application/json"


def test_a_bearer_token_is_sent_without_a_token_type_and_without_opt_out(server: Loopback) -> None:
    server.handler = good
    ask(server)
    headers = server.requests[0].headers
    assert "tokentype" not in headers
    assert headers["x-amzn-codewhisperer-optout"] == "false"


@pytest.mark.parametrize("form", list(WireForm))
def test_every_call_uses_the_profile_and_the_kind_of_the_login(server: Loopback, form: WireForm) -> None:
    """GIVEN a login with a profile, THEN all operations that take one send it, in both wire forms."""

    async def service(request: Request, reply: Reply) -> None:
        if request.operation in ("GenerateAssistantResponse", "SendMessage"):
            await good(request, reply)
        elif request.operation == "ListAvailableModels":
            await reply.document({"models": [], "defaultModel": {"modelId": "m"}})
        else:
            await reply.document({"profiles": []})

    server.handler = service
    login = AccessToken("tok", kind=TokenKind.EXTERNAL_IDP, profile_arn=ARN)
    provider = StaticTokenProvider(login)
    with QStreamingClientSync(token_provider=provider, endpoint=server.url, wire_form=form) as client:
        collect_sync(client.generate_assistant_response("q"))
        collect_sync(client.send_message("q"))
        client.list_available_models()
        client.get_usage_limits()
        client.list_available_profiles()
    assert {request.headers["tokentype"] for request in server.requests} == {"EXTERNAL_IDP"}
    sent = {request.operation: request.members.get("profileArn") for request in server.requests}
    assert sent == {
        "GenerateAssistantResponse": ARN,
        "SendMessage": ARN,
        "ListAvailableModels": ARN,
        "GetUsageLimits": ARN,
        "ListAvailableProfiles": None,
    }


def test_a_profile_of_the_options_goes_before_that_of_the_login(server: Loopback) -> None:
    server.handler = good
    provider = StaticTokenProvider(AccessToken("tok", profile_arn=ARN.replace("123", "999")))
    with QStreamingClientSync(token_provider=provider, endpoint=server.url, profile_arn=ARN) as client:
        collect_sync(client.generate_assistant_response("q"))
    assert server.requests[0].members["profileArn"] == ARN


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({":message-type": "novelty"}, ""),
        ({":message-type": "event", ":event-type": 7}, ""),
        ({":message-type": "event"}, ""),
        ({":event-type": "novelEvent"}, "novelEvent"),
        ({}, ""),
    ],
)
def test_a_message_of_no_known_kind_does_not_end_the_answer(
    server: Loopback, headers: dict[str, str | int], name: str
) -> None:
    async def script(_: Request, reply: Reply) -> None:
        await reply.stream(text("a"), encode_message(headers, b"x"), text("b"))

    server.handler = script
    with QStreamingClientSync(access_token="tok", endpoint=server.url) as client:
        answer = collect_sync(client.generate_assistant_response("q"))
    assert answer.text == "ab"
    (odd,) = answer.unknown
    assert isinstance(odd, UnknownEvent)
    assert (odd.event_type, odd.payload) == (name, b"x")


@pytest.mark.parametrize(
    ("headers", "payload", "kind", "said"),
    [
        ({":message-type": "error", ":error-code": "Throttling"}, b"", ThrottledError, "Throttling"),
        ({":message-type": "error", ":error-message": "why"}, b"", ServiceError, "why"),
        ({":message-type": "error"}, b"in the body", ServiceError, "in the body"),
        ({":message-type": "error", ":error-code": 7}, b"", ServiceError, "ServiceError"),
        ({":message-type": "exception"}, b'{"__type": "ThrottlingException"}', ThrottledError, "Throttling"),
        ({":message-type": "exception"}, b'{"message": "why"}', ServiceError, "why"),
        ({":message-type": "exception", ":exception-type": "novel"}, b"{}", ServiceError, "Novel"),
    ],
)
def test_a_failure_in_the_stream_keeps_its_text_whatever_else_it_lacks(
    server: Loopback, headers: dict[str, str | int], payload: bytes, kind: type[ServiceError], said: str
) -> None:
    async def script(_: Request, reply: Reply) -> None:
        await reply.stream(encode_message(headers, payload))

    server.handler = script
    with pytest.raises(ServiceError, match=said) as caught:
        ask(server, retry=RetryPolicy(attempts=1))
    assert type(caught.value) is kind
    assert caught.value.request_id == "req-1"


def test_an_exception_that_is_not_known_is_not_retried(server: Loopback) -> None:
    """GIVEN an exception by a new name in the stream, THEN the same call is not made again by itself."""

    async def script(_: Request, reply: Reply) -> None:
        await reply.stream(exception("brandNewException", {"message": "m"}))

    server.handler = script
    with pytest.raises(ServiceError) as caught:
        ask(server)
    assert not caught.value.retryable
    assert len(server.requests) == 1


async def broken_frame(_: Request, reply: Reply) -> None:
    await reply.stream(text("x")[:-1] + b"\0")


async def cut_head(_: Request, reply: Reply) -> None:
    await reply.head()
    await reply.cut()


async def not_json(_: Request, reply: Reply) -> None:
    await reply.head(content_type="text/html")
    await reply.data(b"<html>")


async def early_end(_: Request, reply: Reply) -> None:
    await reply.stream(text("x"), text("y")[:-3])


async def only_head(_: Request, reply: Reply) -> None:
    await reply.stream()


async def bad_encoding(_: Request, reply: Reply) -> None:
    await reply.head(content_encoding="gzip")
    await reply.data(b"not gzip")


async def throttled(_: Request, reply: Reply) -> None:
    await reply.document({"__type": "ThrottlingException"}, 429)


async def moved(_: Request, reply: Reply) -> None:
    await reply.document({}, 301, location="https://elsewhere.example")


@pytest.mark.parametrize(
    "script", [broken_frame, cut_head, not_json, early_end, only_head, bad_encoding, moved, throttled]
)
def test_every_error_that_had_a_response_says_which(server: Loopback, script: Script) -> None:
    server.handler = script
    with pytest.raises(QError) as caught:
        ask(server, retry=RetryPolicy(attempts=1))
    assert caught.value.request_id == "req-1"
    assert caught.value.response_headers["x-amzn-requestid"] == "req-1"


def test_an_error_without_a_response_does_not_have_that_of_the_try_before(server: Loopback) -> None:
    async def gone(_: Request, reply: Reply) -> None:
        await reply.cut()

    server.handler = scripted(throttled, gone, gone)
    with pytest.raises(TransportError) as caught:
        ask(server)
    assert (caught.value.request_id, caught.value.response_headers) == (None, {})


@pytest.mark.parametrize(
    ("status", "document", "error"),
    [
        (301, {}, EndpointError),
        (308, {}, EndpointError),
        (404, {}, EndpointError),
        (410, {"message": "gone"}, EndpointError),
        (421, {}, EndpointError),
        (400, {"__type": "UnknownOperationException"}, EndpointError),
        (404, {"__type": "com.amazon.coral.service#UnknownOperationException"}, EndpointError),
        (404, {"__type": "ResourceNotFoundException"}, ResourceNotFoundError),
    ],
)
def test_a_host_that_moved_or_refuses_is_told_in_words(
    server: Loopback, status: int, document: Any, error: type[QError]
) -> None:
    async def script(_: Request, reply: Reply) -> None:
        await reply.document(document, status)

    server.handler = script
    with pytest.raises(error) as caught:
        ask(server)
    assert type(caught.value) is error
    assert len(server.requests) == 1
    if error is EndpointError:
        assert f"127.0.0.1:{server.port}" in str(caught.value)
        assert "endpoint=" in caught.value.remedy


@pytest.mark.parametrize("value", ["a\nb", "ä", "\ud83d"])
def test_a_request_that_http_cannot_carry_is_an_error_of_the_argument(server: Loopback, value: str) -> None:
    server.handler = good
    with (
        QStreamingClientSync(access_token="tok", endpoint=server.url) as client,
        pytest.raises(InvalidArgumentError),
    ):
        collect_sync(client.generate_assistant_response("q", agent_mode=value))
    assert server.requests == []


def test_an_interrupted_answer_of_a_plain_call_is_retried(server: Loopback) -> None:
    async def usage(_: Request, reply: Reply) -> None:
        await reply.document({"daysUntilReset": 1})

    server.handler = scripted(cut, usage)
    with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=QUICK) as client:
        assert client.get_usage_limits().days_until_reset == 1
    with Loopback() as gone:
        url = gone.url
    with (
        QStreamingClientSync(access_token="tok", endpoint=url, retry=QUICK) as client,
        pytest.raises(TransportError),
    ):
        client.get_usage_limits()
