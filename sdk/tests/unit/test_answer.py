"""A whole answer from its events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from amazon_q_streaming_client import (
    EVENT_TYPES,
    AnswerAssembler,
    Event,
    ThrottledError,
    TruncatedToolUseError,
    UnknownEvent,
    collect,
    collect_sync,
)
from amazon_q_streaming_client.models import AssistantResponseEvent, ToolUseEvent
from frames import ALL_EVENTS


def every_event() -> list[Event]:
    return [EVENT_TYPES[name].model_validate(document) for name, document in ALL_EVENTS.items()]


def test_every_event_has_its_place_in_the_answer() -> None:
    answer = collect_sync([*every_event(), UnknownEvent(event_type="new")])
    assert (answer.text, answer.code, answer.reasoning) == ("Grüße 🌍", "print()", "thinking")
    assert answer.tool_uses[0].input == {"path": "/"}
    assert answer.references[0].license_name == "MIT"
    assert answer.citations[0].citation_link == "https://c.example"
    assert answer.web_links[0].title == "W"
    assert answer.followup_prompt is not None
    assert answer.usage is not None
    assert answer.usage.total_tokens == 3
    assert answer.metering[0].usage == 0.25
    assert answer.context_usage_percentage == 13
    assert (answer.conversation_id, answer.utterance_id, answer.model_id) == ("c-1", "u-1", "m-1")
    assert answer.invalid_states[0].message == "no"
    assert answer.tool_results[0].tool_use_id == "t-0"
    assert [event.wire_name for event in answer.unknown] == [
        "intentsEvent",
        "interactionComponentsEvent",
        "dryRunSucceedEvent",
        "new",
    ]


def test_events_after_a_stop_still_count() -> None:
    """Clients that stop at the first stop mark lose the metering."""
    answer = collect_sync(
        [ToolUseEvent(tool_use_id="t", name="n", stop=True), *every_event()[-3:], *every_event()[:1]]
    )
    assert answer.metering
    assert answer.context_usage_percentage is not None


def test_empty_events_change_nothing() -> None:
    empty = [kind() for name, kind in EVENT_TYPES.items() if not ALL_EVENTS[name] or name in OPTIONAL]
    assembler = AnswerAssembler()
    for event in empty:
        assembler.add(event)
    answer = assembler.answer(conversation_id="from the head")
    assert (answer.text, answer.references, answer.usage) == ("", (), None)
    assert answer.conversation_id == "from the head"


OPTIONAL = {
    "codeReferenceEvent",
    "contextUsageEvent",
    "followupPromptEvent",
    "messageMetadataEvent",
    "metadataEvent",
    "reasoningContentEvent",
    "supplementaryWebLinksEvent",
}


def test_an_error_carries_what_came_before_it() -> None:
    def failing() -> Iterator[Event]:
        yield AssistantResponseEvent(content="so far")
        raise ThrottledError("slow down")

    async def failing_later() -> AsyncIterator[Event]:
        for event in failing():
            yield event

    def collect_later() -> None:
        asyncio.run(collect(failing_later()))

    def collect_now() -> None:
        collect_sync(failing())

    for collected in (collect_now, collect_later):
        with pytest.raises(ThrottledError) as caught:
            collected()
        assert caught.value.partial is not None
        assert caught.value.partial.text == "so far"


def test_a_tool_use_without_stop_is_an_error_that_names_the_tool() -> None:
    async def cut() -> AsyncIterator[Event]:
        yield ToolUseEvent(tool_use_id="t", name="fs_write", input="{")

    with pytest.raises(TruncatedToolUseError, match="fs_write"):
        asyncio.run(collect(cut()))


def test_plain_iterables_can_be_collected_too() -> None:
    class Events:
        def __aiter__(self) -> AsyncIterator[Event]:
            return self

        async def __anext__(self) -> Event:
            raise StopAsyncIteration

    assert asyncio.run(collect(Events())).text == ""
