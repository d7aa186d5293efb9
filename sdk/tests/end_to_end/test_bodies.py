"""Bodies: JSON answers, compressed ones, and what is no event stream."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from amazon_q_streaming_client import (
    AccessDeniedError,
    Event,
    InternalServiceError,
    ProtocolError,
    QStreamingClient,
    QStreamingClientSync,
    ThrottledError,
    WireForm,
    collect,
)
from asking import Ask
from frames import text
from loopback import Loopback, Reply, Request


def test_html_in_place_of_a_stream_is_a_protocol_error_that_shows_it(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(content_type="text/html; charset=utf-8")
        await reply.data(b"<html><title>Sign in\x1b[2J</title></html>")

    server.handler = handler
    with pytest.raises(ProtocolError, match=r"text/html.*<title>Sign in \[2J") as caught:
        ask(server.url, [])
    assert not caught.value.retryable


def test_json_with_an_error_name_under_status_200_is_that_error(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.document({"__type": "com.amazon#ThrottlingException", "message": "x"})

    server.handler = handler
    with pytest.raises(ThrottledError):
        ask(server.url, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_the_token_goes_nowhere_else(
    server: Loopback, ask: Ask, status: int
) -> None:
    with Loopback() as other:

        async def handler(_: Request, reply: Reply) -> None:
            await reply.head(status, location=f"{other.url}/")

        server.handler = handler
        with pytest.raises(ProtocolError, match=f"HTTP {status} to http://127.0.0.1"):
            ask(server.url, [])
        assert other.accepted == 0


def test_a_compressed_stream_is_read(server: Loopback, ask: Ask) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        assert request.headers["accept-encoding"] == "identity"
        await reply.head(content_encoding="gzip")
        packed = gzip.compress(text("1") + text("2"))
        await reply.data(packed[:30], packed[30:])

    server.handler = handler
    seen: list[Event] = []
    ask(server.url, seen)
    assert len(seen) == 2


def test_a_stream_that_says_gzip_and_is_not_is_a_protocol_error(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(content_encoding="gzip")
        await reply.data(text("1"))

    server.handler = handler
    with pytest.raises(ProtocolError, match="decompressed"):
        ask(server.url, [])


def test_a_large_error_body_is_cut_and_its_message_kept_short(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(502, content_type="text/html")
        await reply.data(b"<html>" + b"x" * 1_000_000)

    server.handler = handler
    with pytest.raises(InternalServiceError) as caught:
        ask(server.url, [])
    assert caught.value.status == 502
    assert len(str(caught.value)) < 400


def test_json_answers_are_typed_in_both_wire_forms(server: Loopback) -> None:
    documents = {
        "ListAvailableModels": {"models": [{"modelId": "m"}], "defaultModel": {"modelId": "m"}},
        "ListAvailableProfiles": {"profiles": [{"arn": "a", "profileName": "p"}], "nextToken": "n"},
        "GetUsageLimits": {"daysUntilReset": 3, "nextDateReset": 1.75e9},
    }

    async def handler(request: Request, reply: Reply) -> None:
        await reply.document(documents[request.operation])

    server.handler = handler
    for form in WireForm:
        with QStreamingClientSync(access_token="tok", endpoint=server.url, wire_form=form) as client:
            assert client.list_available_models().default_model.model_id == "m"
            assert client.list_available_profiles(max_results=5).profiles[0].profile_name == "p"
            assert client.get_usage_limits(is_email_required=True).days_until_reset == 3
    assert [request.members for request in server.requests] == [
        {"origin": "CLI"},
        {"maxResults": 5},
        {"isEmailRequired": True},
        {"origin": "CLI"},
        {"maxResults": 5},
        {"isEmailRequired": "true"},
    ]


def test_json_answers_come_to_the_async_client_too(server: Loopback) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        await reply.document(
            {"models": [], "defaultModel": {"modelId": "m"}, "profiles": []},
            content_type="application/x-amz-json-1.0",
        )

    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            assert (await client.list_available_models()).models == []
            assert (await client.list_available_profiles()).profiles == []
            assert (await client.get_usage_limits()).limits is None
            with pytest.raises(ProtocolError):
                await collect(client.send_message("q"))

    server.handler = handler
    asyncio.run(run())


def test_a_model_without_an_id_does_not_hide_the_others(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.document({"models": [{"modelId": "a"}, {"modelName": "B"}, None, {"modelId": "c"}]})

    server.handler = handler
    with QStreamingClientSync(access_token="tok", endpoint=server.url) as client:
        found = client.list_available_models()
    assert [model.model_id for model in found.models] == ["a", "", "c"]
    assert (found.models[1].model_name, found.default_model.model_id) == ("B", "")


def test_an_error_in_a_successful_json_answer_is_raised(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.document({"__type": "AccessDeniedException", "message": "no"})

    server.handler = handler
    with (
        QStreamingClientSync(access_token="tok", endpoint=server.url) as client,
        pytest.raises(AccessDeniedError, match="no"),
    ):
        client.list_available_models()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b'{"models": '])
def test_a_json_answer_that_does_not_fit_is_a_protocol_error(server: Loopback, body: bytes) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(content_type="application/json")
        await reply.data(body)

    server.handler = handler
    with (
        QStreamingClientSync(access_token="tok", endpoint=server.url) as client,
        pytest.raises(ProtocolError, match="cannot be read"),
    ):
        client.list_available_models()


def test_a_json_answer_without_end_is_refused(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(content_type="application/json")
        for _i in range(18):
            await reply.data(b" " * 1_000_000)

    server.handler = handler
    with (
        QStreamingClientSync(access_token="tok", endpoint=server.url) as client,
        pytest.raises(ProtocolError, match="longer than"),
    ):
        client.get_usage_limits()
