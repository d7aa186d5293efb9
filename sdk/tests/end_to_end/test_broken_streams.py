"""Streams that break: cut, garbled, silent, refused."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from amazon_q_streaming_client import (
    AccessDeniedError,
    ContextTooLongError,
    Event,
    EventStreamError,
    InternalServiceError,
    QError,
    QStreamingClient,
    QStreamingClientSync,
    RequestTimeoutError,
    RetryPolicy,
    StreamBrokenError,
    ThrottledError,
    TransportError,
    TruncatedToolUseError,
    collect,
    collect_sync,
)
from asking import ONCE, Ask, ask_sync
from frames import error, event, exception, text
from loopback import Loopback, Reply, Request


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (exception("throttlingException", {"message": "slow down"}), ThrottledError),
        (exception("ValidationException", {"message": "Input is too long."}), ContextTooLongError),
        (exception("accessDeniedException", {"message": "no"}), AccessDeniedError),
        (exception("error", {"message": "x", "reason": None}), InternalServiceError),
        (error("InternalFailure", "boom"), InternalServiceError),
    ],
    ids=["throttled", "too long", "denied", "error exception", "unmodelled error"],
)
def test_a_failure_inside_the_stream_is_raised_after_the_events_before_it(
    server: Loopback, ask: Ask, failure: bytes, expected: type[QError]
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(text("1"), text("2"), text("3"), failure)

    server.handler = handler
    seen: list[Event] = []
    with pytest.raises(expected) as caught:
        ask(server.url, seen)
    assert len(seen) == 3
    assert caught.value.request_id == "req-1"
    assert len(server.requests) == 1


def test_a_cut_inside_of_a_message_breaks_the_stream(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(text("1"), text("22222")[:20])
        await reply.cut()

    server.handler = handler
    seen: list[Event] = []
    with pytest.raises(StreamBrokenError, match="after 1 events"):
        ask(server.url, seen)
    assert len(seen) == 1


def test_an_orderly_end_inside_of_a_message_breaks_the_stream_too(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(text("1"), text("22222")[:20])

    server.handler = handler
    with pytest.raises(StreamBrokenError, match="20 bytes into a message"):
        ask(server.url, [])


def test_a_cut_inside_of_a_tool_use_is_truncation_and_keeps_what_came(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        use = {"toolUseId": "t", "name": "run"}
        await reply.stream(text("I will run it."), event("toolUseEvent", {**use, "input": '{"cmd": "rm'}))

    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            await collect(client.generate_assistant_response("q"))

    server.handler = handler
    with pytest.raises(TruncatedToolUseError) as caught:
        asyncio.run(run())
    partial = caught.value.partial
    assert partial is not None
    assert (partial.text, partial.tool_uses[0].input) == ("I will run it.", {})
    with (
        QStreamingClientSync(access_token="tok", endpoint=server.url) as client,
        pytest.raises(TruncatedToolUseError),
    ):
        collect_sync(client.generate_assistant_response("q"))


def test_a_flipped_bit_is_an_event_stream_error(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        broken = bytearray(text("2"))
        broken[40] ^= 4
        await reply.stream(text("1"), bytes(broken))

    server.handler = handler
    with pytest.raises(EventStreamError, match="checksum"):
        ask(server.url, [])


@pytest.mark.parametrize("events", [0, 2])
def test_a_reset_is_a_broken_stream_after_events_and_retryable_before(
    server: Loopback, ask: Ask, events: int
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(*[text("x")] * events)
        await asyncio.sleep(0.05)  # the reset must not overtake the data in the kernel
        await reply.reset()

    server.handler = handler
    with pytest.raises(StreamBrokenError if events else TransportError) as caught:
        ask(server.url, [])
    assert caught.value.retryable is (events == 0)


def test_a_stream_without_an_event_is_retried_and_then_an_error(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream()

    server.handler = handler
    quick = RetryPolicy(attempts=2, base_delay=0.001)
    with (
        QStreamingClientSync(access_token="tok", endpoint=server.url, retry=quick) as client,
        pytest.raises(TransportError, match="without an event"),
    ):
        collect_sync(client.generate_assistant_response("q"))
    assert len(server.requests) == 2


@pytest.mark.parametrize("events", [0, 1])
def test_silence_ends_in_a_timeout(server: Loopback, events: int) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        if events:
            await reply.head()
            await reply.data(text("1"))
        await asyncio.sleep(0.5)

    async def run() -> None:
        options = {"access_token": "tok", "endpoint": server.url}
        async with QStreamingClient(**options, retry=ONCE, timeout=0.2) as client:  # type: ignore[arg-type]
            await collect(client.generate_assistant_response("q"))

    server.handler = handler
    with pytest.raises(StreamBrokenError if events else RequestTimeoutError, match="in time"):
        asyncio.run(run())
    server.wait_idle()


@pytest.mark.parametrize("how", ["cut", "reset"])
def test_a_broken_http2_stream_is_a_broken_stream(
    tls_server: Loopback, trust: ssl.SSLContext, how: str
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(text("1"), text("2")[:9])
        await asyncio.sleep(0.05)
        await (reply.cut() if how == "cut" else reply.reset())

    tls_server.handler = handler
    options = {"access_token": "tok", "endpoint": tls_server.url, "verify": trust}
    with (
        QStreamingClientSync(**options, http2=True) as client,  # type: ignore[arg-type]
        pytest.raises(StreamBrokenError),
    ):
        collect_sync(client.generate_assistant_response("q"))


def test_nobody_listening_is_a_retryable_transport_error() -> None:
    with Loopback() as server:
        url = server.url
    with pytest.raises(TransportError, match=r"connection to 127\.0\.0\.1:[0-9]+ failed"):
        ask_sync(url, [])
