"""What errors say: the response that they are of, the text of the service, the host."""

from __future__ import annotations

from typing import Any

import pytest

from amazon_q_streaming_client import (
    EndpointError,
    QError,
    QStreamingClientSync,
    ResourceNotFoundError,
    RetryPolicy,
    ServiceError,
    ThrottledError,
    TransportError,
    UnknownEvent,
    collect_sync,
    encode_message,
)
from frames import text
from loopback import Loopback, Reply, Request
from scripts import Script, ask_again, scripted


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
        ask_again(server, retry=RetryPolicy(attempts=1))
    assert type(caught.value) is kind
    assert caught.value.request_id == "req-1"


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
        ask_again(server, retry=RetryPolicy(attempts=1))
    assert caught.value.request_id == "req-1"
    assert caught.value.response_headers["x-amzn-requestid"] == "req-1"


def test_an_error_without_a_response_does_not_have_that_of_the_try_before(server: Loopback) -> None:
    async def gone(_: Request, reply: Reply) -> None:
        await reply.cut()

    server.handler = scripted(throttled, gone, gone)
    with pytest.raises(TransportError) as caught:
        ask_again(server)
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
        ask_again(server)
    assert type(caught.value) is error
    assert len(server.requests) == 1
    if error is EndpointError:
        assert f"127.0.0.1:{server.port}" in str(caught.value)
        assert "endpoint=" in caught.value.remedy
