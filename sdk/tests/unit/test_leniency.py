"""What the service sends is read as leniently as its own clients read it; only a broken frame is an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amazon_q_streaming_client import AnswerAssembler, Message, ProtocolError
from amazon_q_streaming_client._messages import EventReader
from amazon_q_streaming_client.models import (
    EVENT_TYPES,
    Bonus,
    CitationEvent,
    Event,
    ImageBlock,
    InvalidStateEvent,
    ListAvailableModelsResponse,
    MetadataEvent,
    Shape,
    SupplementaryWebLinksEvent,
    ToolResultContentBlock,
    ToolUseEvent,
    UnknownEvent,
)
from frames import ALL_EVENTS
from shape_values import ALL_SHAPES, documents, json_values

HALVES = ("\ud83d", "\ude00")
odd_values: st.SearchStrategy[Any] = json_values | st.sampled_from(
    [
        None,
        [],
        {},
        "",
        0,
        -1,
        1.5,
        True,
        [None],
        [[]],
        [{}],
        {"__type": "x"},
        "\ud83d",
        "\ude00",
        10**30,
        "NaN",
    ]
)


def read(name: str, payload: Any, reader: EventReader | None = None) -> Event:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {":event-type": name, ":message-type": "event", ":content-type": "application/json"}
    return (reader or EventReader()).read(Message(headers, data))


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    yield path
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in inner:
        yield from places(value, (*path, key))


def changed(document: Any, path: tuple[Any, ...], change: str, value: Any) -> Any:
    """A copy of ``document`` with one value replaced, taken out, put into a list, or with a new neighbour."""
    if not path:
        return {"replace": value, "remove": {}, "wrap": [document], "add": document}[change]
    copy = json.loads(json.dumps(document))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    if change == "remove":
        del holder[path[-1]]
    elif change == "wrap":
        holder[path[-1]] = [holder[path[-1]]]
    elif change == "add" and isinstance(holder, dict):
        holder["__type"] = value
    else:
        holder[path[-1]] = value
    return copy


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """A valid event with one to three changes anywhere in it."""
    name = draw(st.sampled_from(sorted(EVENT_TYPES)))
    document = draw(st.just(ALL_EVENTS[name]) | documents(EVENT_TYPES[name]))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(document))))
        change = draw(st.sampled_from(["replace", "remove", "wrap", "add"]))
        document = changed(document, path, change, draw(odd_values))
    return name, document


@settings(max_examples=600, deadline=None)
@given(mutated())
def test_any_mutation_of_any_event_gives_an_event(case: tuple[str, Any]) -> None:
    name, document = case
    found = read(name, document)
    assert type(found) in (EVENT_TYPES[name], UnknownEvent)
    if isinstance(document, dict):
        assert type(found) is EVENT_TYPES[name]
    json.dumps(found.to_wire(), allow_nan=False, ensure_ascii=False).encode()


@settings(max_examples=200, deadline=None)
@given(st.lists(mutated(), max_size=6))
def test_an_answer_of_mutated_events_can_be_kept_and_sent(cases: list[tuple[str, Any]]) -> None:
    reader, assembler = EventReader(), AnswerAssembler()
    for name, document in cases:
        assembler.add(read(name, document, reader))
    message = assembler.answer().to_message()
    json.dumps(message.to_wire(), allow_nan=False, ensure_ascii=False).encode()
    assert all(use.name and use.tool_use_id for use in message.tool_uses or [])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(EVENT_TYPES)), st.data())
def test_any_bytes_for_a_payload_give_an_event(name: str, data: st.DataObject) -> None:
    whole = json.dumps(ALL_EVENTS[name]).encode()
    at, size = data.draw(st.integers(0, len(whole))), data.draw(st.integers(0, 8))
    payload = whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + size :]
    assert isinstance(read(name, payload), EVENT_TYPES[name] | UnknownEvent)


@pytest.mark.parametrize("shape", ALL_SHAPES, ids=lambda shape: shape.__name__)
def test_every_shape_can_be_read_from_nothing(shape: type[Shape]) -> None:
    """All required members get neutral values, in structures within structures too."""
    found = shape.from_wire("{}")
    assert shape.from_wire(json.dumps(found.to_wire())) == found


@pytest.mark.parametrize(
    ("name", "payload", "wanted"),
    [
        ("toolUseEvent", {"toolUseId": "t", "stop": True}, {"name": "", "toolUseId": "t", "stop": True}),
        ("assistantResponseEvent", {"content": None}, {"content": ""}),
        ("assistantResponseEvent", {}, {"content": ""}),
        ("assistantResponseEvent", {"content": ""}, {"content": ""}),
        ("assistantResponseEvent", {"content": ["a", "b"]}, {"content": "a"}),
        ("assistantResponseEvent", {"content": 7}, {"content": "7"}),
        ("assistantResponseEvent", {"content": "a", "modelId": {}}, {"content": "a"}),
        ("assistantResponseEvent", {"content": "a", "model_id": 7}, {"content": "a"}),
        ("citationEvent", {"citationLink": "l"}, {"citationLink": "l", "target": {}}),
        ("invalidStateEvent", {"reason": "R"}, {"reason": "R", "message": ""}),
        (
            "supplementaryWebLinksEvent",
            {"supplementaryWebLinks": [{"url": "u"}, None]},
            {"supplementaryWebLinks": [{"url": "u", "title": ""}]},
        ),
        (
            "supplementaryWebLinksEvent",
            {"supplementaryWebLinks": {"url": "u", "title": "t"}},
            {"supplementaryWebLinks": [{"url": "u", "title": "t"}]},
        ),
        (
            "metadataEvent",
            {"tokenUsage": {"outputTokens": "3"}},
            {"tokenUsage": {"outputTokens": 3, "totalTokens": 0, "uncachedInputTokens": 0}},
        ),
        (
            "citationEvent",
            {"citationLink": "l", "target": {"__type": "T", "location": 3}},
            {"citationLink": "l", "target": {"location": 3}},
        ),
        (
            "citationEvent",
            {"citationLink": "l", "target": {"location": 3, "range": {}}},
            {"citationLink": "l", "target": {"location": 3}},
        ),
        (
            "toolUseEvent",
            {"name": "n", "toolUseId": "t", "input": [1]},
            {"name": "n", "toolUseId": "t", "input": "[1]"},
        ),
        ("contextUsageEvent", b'{"contextUsagePercentage": NaN}', {}),
        ("contextUsageEvent", b'{"contextUsagePercentage": 1e999}', {}),
        ("contextUsageEvent", {"contextUsagePercentage": "NaN"}, {}),
        ("contextUsageEvent", {"contextUsagePercentage": "1e999"}, {}),
        ("reasoningContentEvent", {"redactedContent": "+/8"}, {"redactedContent": "+/8="}),
        ("reasoningContentEvent", {"redactedContent": "***", "text": "t"}, {"text": "t"}),
        ("meteringEvent", {"usage": "much", "novel": {"a": [1]}}, {"novel": {"a": [1]}}),
        ("assistantResponseEvent", b'\xef\xbb\xbf{"content": "\xff"}', {"content": "\ufffd"}),
        ("assistantResponseEvent", b'{"content": "a\nb"}', {"content": "a\nb"}),
        (
            "assistantResponseEvent",
            b'{"content": "\\ud83dx", "k": "\\ude00"}',
            {"content": "\ufffdx", "k": "\ufffd"},
        ),
    ],
)
def test_an_odd_event_is_read_with_neutral_values(name: str, payload: Any, wanted: dict[str, Any]) -> None:
    assert read(name, payload).to_wire() == wanted


@pytest.mark.parametrize("payload", [b"[]", b'"x"', b"null", b"7", b"{", b"<html>", b"\xff", b"[" * 100_000])
def test_a_payload_that_is_no_object_arrives_as_an_unknown_event(payload: bytes) -> None:
    found = read("assistantResponseEvent", payload)
    assert isinstance(found, UnknownEvent)
    assert (found.event_type, found.payload) == ("assistantResponseEvent", payload)
    assert found.document() is None or json.loads(payload) == found.document()


def test_a_document_that_is_too_deep_arrives_as_an_unknown_event() -> None:
    deep = b'{"content": 1, "x": ' + b"[" * 300 + b"]" * 300 + b"}"
    assert isinstance(read("assistantResponseEvent", deep), UnknownEvent)


def test_a_character_that_was_cut_in_two_is_joined_within_its_own_text() -> None:
    """GIVEN halves of two characters in interleaved tool uses, THEN each is joined with its own."""
    reader = EventReader()

    def piece(tool: str, text: str) -> str:
        found = read("toolUseEvent", {"toolUseId": tool, "name": "n", "input": text}, reader)
        assert isinstance(found, ToolUseEvent)
        assert isinstance(found.input, str)
        return found.input

    assert [piece("a", "1\ud83d"), piece("b", "2\ud83e"), piece("a", "\ude00"), piece("b", "\udd14")] == [
        "1",
        "2",
        "\U0001f600",
        "\U0001f914",
    ]
    assert [piece("a", "\ud83d"), piece("a", "x")] == ["", "\ufffdx"]


def test_a_message_without_an_event_type_arrives_as_an_unknown_event() -> None:
    without: list[dict[str, Any]] = [{}, {":message-type": "event"}, {":event-type": 7}]
    for headers in without:
        found = EventReader().read(Message(headers, b"x"))
        assert isinstance(found, UnknownEvent)
        assert (found.event_type, found.payload) == ("", b"x")


def test_neutral_values_are_those_of_the_types() -> None:
    citation = CitationEvent.from_wire("{}")
    assert (citation.citation_link, citation.target.member) == ("", "")
    assert InvalidStateEvent.from_wire("{}").reason == ""
    assert MetadataEvent.from_wire("{}").token_usage is None
    assert SupplementaryWebLinksEvent.from_wire("{}").supplementary_web_links is None
    assert ListAvailableModelsResponse.from_wire("{}").models == []
    assert Bonus.from_wire("{}").expires_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert ImageBlock.from_wire("{}").source.member == ""


def test_a_union_keeps_a_member_that_is_new() -> None:
    block = ToolResultContentBlock.from_wire('{"__type": "x", "text": null, "novel": {"a": 1}}')
    assert (block.member, block.to_wire()) == ("novel", {"novel": {"a": 1}})


@pytest.mark.parametrize("data", ["", "[]", "null", "{", "[" * 100_000])
def test_a_shape_of_no_object_is_a_protocol_error(data: str) -> None:
    with pytest.raises(ProtocolError):
        CitationEvent.from_wire(data)
