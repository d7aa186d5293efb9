"""Streams of the loopback server, read by both clients in both wire forms and over both HTTP versions."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Callable

import pytest

from amazon_q_streaming_client import (
    EVENT_TYPES,
    AccessDeniedError,
    ContextTooLongError,
    Event,
    EventStreamError,
    InternalServiceError,
    ProtocolError,
    QError,
    QStreamingClient,
    QStreamingClientSync,
    RequestTimeoutError,
    RetryPolicy,
    StreamBrokenError,
    ThrottledError,
    TransportError,
    TruncatedToolUseError,
    UnknownEvent,
    WireForm,
    collect,
    collect_sync,
)
from frames import ALL_EVENTS, error, event, exception, raw_event, text
from loopback import Loopback, Reply, Request

ONCE = RetryPolicy(attempts=1)
Ask = Callable[[str, list[Event]], None]


def ask_async(url: str, seen: list[Event]) -> None:
    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=url, retry=ONCE, timeout=5) as client:
            stream = client.generate_assistant_response("q")
            async for item in stream:
                seen.append(item)  # noqa: PERF401  what came before an error counts

    asyncio.run(run())


def ask_sync(url: str, seen: list[Event]) -> None:
    with QStreamingClientSync(access_token="tok", endpoint=url, retry=ONCE, timeout=5) as client:
        seen.extend(client.generate_assistant_response("q"))


@pytest.fixture(params=[ask_async, ask_sync], ids=["async", "sync"])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


@pytest.mark.parametrize("form", list(WireForm))
@pytest.mark.parametrize("operation", ["GenerateAssistantResponse", "SendMessage"])
def test_every_event_arrives_typed_in_both_wire_forms(
    server: Loopback, form: WireForm, operation: str
) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        assert (request.operation, request.form) == (operation, form)
        await reply.stream(*(event(name, document) for name, document in ALL_EVENTS.items()))

    server.handler = handler
    with QStreamingClientSync(access_token="tok", endpoint=server.url, wire_form=form) as client:
        call = client.send_message if operation == "SendMessage" else client.generate_assistant_response
        events = list(call("q"))
    assert [type(item) for item in events] == [EVENT_TYPES[name] for name in ALL_EVENTS]
    assert [item.to_wire() for item in events] == list(ALL_EVENTS.values())
    assert set(ALL_EVENTS) == set(EVENT_TYPES)


def test_an_unknown_event_is_delivered_and_the_initial_response_is_not(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(
            event("initial-response", {"conversationId": "c-9"}), event("noveltyEvent", {"a": 1}), text("x")
        )

    server.handler = handler
    seen: list[Event] = []
    ask(server.url, seen)
    unknown, known = seen
    assert isinstance(unknown, UnknownEvent)
    assert (unknown.wire_name, unknown.document(), known.wire_name) == (
        "noveltyEvent",
        {"a": 1},
        "assistantResponseEvent",
    )


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


def test_one_byte_at_a_time_gives_the_same_events(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        for byte in text("Grüße") + text("🌍"):
            await reply.data(bytes((byte,)))

    server.handler = handler
    seen: list[Event] = []
    ask(server.url, seen)
    assert [item.to_wire()["content"] for item in seen] == ["Grüße", "🌍"]


def test_an_event_is_delivered_before_the_next_one_is_sent(server: Loopback) -> None:
    first_read = asyncio.Event()

    async def run() -> None:
        async with QStreamingClient(access_token="tok", endpoint=server.url) as client:
            stream = client.generate_assistant_response("q")
            await anext(stream)
            server._loop.call_soon_threadsafe(first_read.set)
            assert [item.to_wire() async for item in stream] == [{"content": "2"}]

    async def handler(_: Request, reply: Reply) -> None:
        await reply.head()
        await reply.data(text("1"))
        await first_read.wait()
        await reply.data(text("2"))

    server.handler = handler
    asyncio.run(run())


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


def test_a_flipped_bit_is_an_event_stream_error(server: Loopback, ask: Ask) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        broken = bytearray(text("2"))
        broken[40] ^= 4
        await reply.stream(text("1"), bytes(broken))

    server.handler = handler
    with pytest.raises(EventStreamError, match="checksum"):
        ask(server.url, [])


def test_an_odd_event_does_not_end_the_answer(server: Loopback, ask: Ask) -> None:
    """GIVEN events that miss members, are of a wrong type or no JSON, THEN the text around them arrives."""

    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(
            text("one "),
            event("assistantResponseEvent", {"content": None}),
            event("citationEvent", {"citationLink": "https://c.example"}),
            event("metadataEvent", {"tokenUsage": {"outputTokens": 3}}),
            raw_event("assistantResponseEvent", b"no JSON"),
            raw_event("assistantResponseEvent", b'{"content": "\\ud83d"}'),
            raw_event("assistantResponseEvent", b'{"content": "\\ude00 two"}'),
        )

    server.handler = handler
    events: list[Event] = []
    ask(server.url, events)
    answer = collect_sync(events)
    assert answer.text == "one \U0001f600 two"
    assert answer.usage is not None
    assert (answer.usage.output_tokens, answer.usage.total_tokens) == (3, 0)
    assert [found.payload for found in answer.unknown if isinstance(found, UnknownEvent)] == [b"no JSON"]


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


@pytest.mark.parametrize("form", list(WireForm))
@pytest.mark.parametrize("http2", [False, True])
def test_http2_is_used_when_it_is_on(
    tls_server: Loopback, trust: ssl.SSLContext, form: WireForm, http2: bool
) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        assert request.protocol == ("HTTP/2" if http2 else "HTTP/1.1")
        await reply.stream(text(request.members["conversationState"]["chatTriggerType"]), text("x" * 200_000))

    async def run() -> None:
        options = {"access_token": "tok", "endpoint": tls_server.url, "verify": trust}
        async with QStreamingClient(**options, http2=http2, wire_form=form) as client:  # type: ignore[arg-type]
            streams = [collect(client.generate_assistant_response("q")) for _ in range(8)]
            answers = await asyncio.gather(*streams)
        assert {answer.text[:7] for answer in answers} == {"MANUALx"}

    tls_server.handler = handler
    asyncio.run(run())
    tls_server.wait_idle()
    if http2:
        assert tls_server.accepted == 1


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


def test_a_conversation_id_from_a_header_is_kept(server: Loopback) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.head(x_amzn_codewhisperer_conversation_id="c-head")
        await reply.data(text("1"))

    server.handler = handler
    with QStreamingClientSync(access_token="tok", endpoint=server.url) as client:
        stream = client.generate_assistant_response("q")
        assert not stream.request_id
        answer = collect_sync(stream)
    assert (answer.conversation_id, stream.request_id) == ("c-head", "req-1")


def test_nobody_listening_is_a_retryable_transport_error() -> None:
    with Loopback() as server:
        url = server.url
    with pytest.raises(TransportError, match=r"connection to 127\.0\.0\.1:[0-9]+ failed"):
        ask_sync(url, [])


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
