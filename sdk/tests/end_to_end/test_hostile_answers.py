"""Answers that mean harm, or are broken in ways that must not hide what they say."""

from __future__ import annotations

import asyncio
import gzip
import logging
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from amazon_q_streaming_client import (
    EventStreamError,
    InvalidRequestError,
    MonthlyLimitError,
    ProtocolError,
    QError,
    QStreamingClient,
    QStreamingClientSync,
    RetryPolicy,
    ServiceError,
    ThrottledError,
    collect,
    collect_sync,
)
from asking import ONCE
from frames import exception, text
from loopback import Loopback, Reply, Request
from scripts import QUICK

REFUSAL = b'{"__type": "ValidationException", "message": "a bad word"}'


def models(client: QStreamingClientSync) -> Any:
    return client.list_available_models()


def ask(client: QStreamingClientSync) -> Any:
    return collect_sync(client.generate_assistant_response("q"))


def failure(server: Loopback, call: Callable[[QStreamingClientSync], Any] = ask, **options: Any) -> QError:
    chosen = {"retry": ONCE, "timeout": 5, **options}
    with (
        QStreamingClientSync(access_token="tok", endpoint=server.url, **chosen) as client,
        pytest.raises(QError) as caught,
    ):
        call(client)
    return caught.value


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return gzip.compress(bytes(100_000_000), 9)


@pytest.mark.parametrize(
    ("status", "content_type", "call"),
    [
        (200, "application/vnd.amazon.eventstream", ask),
        (200, "application/json", ask),
        (200, "application/json", models),
        (500, "application/json", ask),
        (500, "application/json", models),
    ],
)
def test_a_few_kilobytes_that_hold_gigabytes_take_no_memory(
    server: Loopback,
    bomb: bytes,
    status: int,
    content_type: str,
    call: Callable[[QStreamingClientSync], Any],
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(status, content_type=content_type, content_encoding="gzip")
        await reply.data(bomb)

    server.handler = handler
    tracemalloc.start()
    try:
        assert isinstance(failure(server, call), ProtocolError | ServiceError)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
        server.failures.clear()


def test_encodings_within_each_other_are_not_undone(server: Loopback, bomb: bytes) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(content_encoding="gzip, gzip")
        await reply.data(gzip.compress(bomb))

    server.handler = handler
    assert "not asked for" in str(failure(server))


async def _silent(reply: Reply) -> None:
    await asyncio.sleep(3600)


async def _reset(reply: Reply) -> None:
    await reply.reset()


async def _cut(reply: Reply) -> None:
    await reply.cut()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("then", [_silent, _reset, _cut])
@pytest.mark.parametrize("status", [400, 200])
def test_a_refusal_counts_however_its_body_ends(server: Loopback, then: Any, status: int) -> None:
    """A body that stays open was waited for until the timeout, and its error was a retryable timeout."""

    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(status, content_type="application/json")
        await reply.data(REFUSAL[:20], REFUSAL[20:])
        await then(reply)

    server.handler = handler
    error = failure(server, retry=QUICK, timeout=300)
    assert isinstance(error, InvalidRequestError)
    assert "a bad word" in error.message
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "kind"), [(400, InvalidRequestError), (429, ThrottledError)])
@pytest.mark.parametrize("encoding", ["", "gzip", "br"])
def test_a_refusal_counts_although_its_body_cannot_be_read(
    server: Loopback, status: int, kind: type[QError], encoding: str
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(status, content_encoding=encoding, content_type="application/json")
        await reply.data(REFUSAL[:20])
        await reply.reset()

    server.handler = handler
    error = failure(server)
    assert isinstance(error, kind)
    assert error.request_id == "req-1"


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (REFUSAL, InvalidRequestError, "a bad word"),
        (b"upstream connect error or disconnect", EventStreamError, "the body is text: upstream connect"),
        (b"\x00" * 40, EventStreamError, "the checksum of a message prelude is wrong"),
    ],
)
def test_a_failure_in_plain_text_is_told_although_it_is_called_an_event_stream(
    server: Loopback, body: bytes, kind: type[QError], said: str
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(body)

    server.handler = handler
    error = failure(server)
    assert type(error) is kind
    assert said in error.message


def test_text_after_an_event_is_no_message_of_the_service(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(text("first"), REFUSAL)

    server.handler = handler
    assert type(failure(server)) is EventStreamError


def test_the_limit_of_a_month_is_known_by_its_text_too(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        words = "Maximum com.amazon.Service.GenerateAssistantResponse reached for this month."
        await reply.document({"__type": "ThrottlingException", "message": words}, 400)

    server.handler = handler
    error = failure(server, retry=QUICK)
    assert isinstance(error, MonthlyLimitError)
    assert not error.retryable
    assert len(server.requests) == 1


NASTY = "one\r\nERROR two \x1b]0;title\x07\x9b31m \u202ethree \ud800 four"


@pytest.mark.parametrize("place", ["body", "stream"])
def test_texts_of_the_service_cannot_forge_lines_or_steer_a_terminal(
    server: Loopback, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    document = {"__type": f"Odd{NASTY}Exception", "message": NASTY, "reason": NASTY}

    async def handler(_: Request, reply: Reply) -> None:
        if place == "body":
            await reply.document(document, 500, x_amzn_requestid="r\x9b31m" + "x" * 5000)
        else:
            await reply.stream(exception(f"Odd{NASTY[:20]}", document), text("x"))

    server.handler = handler
    with caplog.at_level(logging.DEBUG, logger="amazon_q_streaming_client"):
        error = failure(server, retry=RetryPolicy(attempts=2, base_delay=0))
    for said in (str(error), error.message, error.request_id or "", *caplog.messages):
        assert said.isprintable(), said
        assert len(said) < 1000
    assert "ERROR two" in error.message


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_success_of_another_kind_is_not_called_a_redirect(server: Loopback, status: int) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.document({}, status)

    server.handler = handler
    error = failure(server)
    assert type(error) is ProtocolError
    assert f"HTTP {status} in place of 200" in error.message


def test_cookies_are_neither_kept_nor_sent(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(set_cookie=f"name{len(server.requests)}=value; Path=/")
        await reply.data(text("ok"))

    async def ask_async() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            for _ in range(2):
                await collect(client.generate_assistant_response("q"))

    server.handler = handler
    with QStreamingClientSync(access_token="tok", endpoint=server.url) as client:
        for _ in range(2):
            ask(client)
    asyncio.run(ask_async())
    assert all("cookie" not in request.headers for request in server.requests)


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_that_a_hook_of_the_users_client_read_is_read_all_the_same(
    server: Loopback, library: str, encoding: str
) -> None:
    http = pytest.importorskip(library)
    pack = gzip.compress if encoding == "gzip" else bytes

    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(content_encoding=encoding)
        await reply.data(pack(text("ok")))

    server.handler = handler
    with (
        http.Client(event_hooks={"response": [lambda response: response.read()]}) as own,
        QStreamingClientSync(access_token="tok", endpoint=server.url, http_client=own) as client,
    ):
        assert ask(client).text == "ok"
