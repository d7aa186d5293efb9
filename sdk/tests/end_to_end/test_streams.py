"""Streams of the loopback server, read by both clients in both wire forms and over both HTTP versions."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from amazon_q_streaming_client import (
    EVENT_TYPES,
    Event,
    QStreamingClient,
    QStreamingClientSync,
    UnknownEvent,
    WireForm,
    collect,
    collect_sync,
)
from asking import Ask
from frames import ALL_EVENTS, event, raw_event, text
from loopback import Loopback, Reply, Request


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
            accepted = tls_server.accepted
            answers.append(await collect(client.generate_assistant_response("q")))
        assert {answer.text[:7] for answer in answers} == {"MANUALx"}
        assert tls_server.accepted == accepted, "an idle connection is used again"

    tls_server.handler = handler
    asyncio.run(run())
    tls_server.wait_idle()


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
