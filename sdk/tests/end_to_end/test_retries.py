"""Retries against the loopback server."""

from __future__ import annotations

import asyncio

import pytest

from amazon_q_streaming_client import (
    MonthlyLimitError,
    QStreamingClient,
    QStreamingClientSync,
    ServiceError,
    StreamBrokenError,
    ThrottledError,
    TransportError,
    collect,
    collect_sync,
)
from frames import exception, text
from loopback import Loopback, Reply, Request
from scripts import QUICK, Script, ask_again, cut, cut_first_message, fails, good, in_stream, scripted


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
    assert ask_again(server) == "ok"
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
        ask_again(server)
    assert len(server.requests) == 1


def test_the_last_failure_is_raised_after_three_tries(server: Loopback) -> None:
    server.handler = fails({"__type": "ThrottlingException", "message": "busy"}, 429)
    with pytest.raises(ThrottledError, match="busy"):
        ask_again(server)
    assert len(server.requests) == 3


@pytest.mark.parametrize("retry_after", ["120", "soon"])
def test_a_wait_that_is_too_long_is_left_to_the_caller(server: Loopback, retry_after: str) -> None:
    server.handler = fails({"__type": "ThrottlingException"}, 429, retry_after=retry_after)
    with pytest.raises(ThrottledError) as caught:
        ask_again(server)
    assert caught.value.retry_after == (120 if retry_after == "120" else None)
    assert len(server.requests) == (1 if retry_after == "120" else 3)


def test_a_monthly_limit_is_never_retried(server: Loopback) -> None:
    server.handler = fails({"__type": "ThrottlingException", "reason": "MONTHLY_REQUEST_COUNT"}, 429)
    with pytest.raises(MonthlyLimitError):
        ask_again(server)
    assert len(server.requests) == 1


def test_a_throttled_client_waits_before_its_next_call(server: Loopback) -> None:
    """The wait is bounded here by the policy; that there is one is shown by the pace itself."""
    server.handler = scripted(fails({}, 429), good)
    with QStreamingClientSync(access_token="tok", endpoint=server.url, retry=QUICK) as client:
        assert collect_sync(client.generate_assistant_response("q")).text == "ok"
        client._pace._state.pressure = 2
        client._pace._state.throttled_at = client._pace._clock()
        assert collect_sync(client.generate_assistant_response("q")).text == "ok"


def test_an_exception_that_is_not_known_is_not_retried(server: Loopback) -> None:
    """GIVEN an exception by a new name in the stream, THEN the same call is not made again by itself."""

    async def script(_: Request, reply: Reply) -> None:
        await reply.stream(exception("brandNewException", {"message": "m"}))

    server.handler = script
    with pytest.raises(ServiceError) as caught:
        ask_again(server)
    assert not caught.value.retryable
    assert len(server.requests) == 1


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
