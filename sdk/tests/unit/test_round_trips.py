"""Nothing that arrives is lost on its way back: every shape, and every answer that becomes a message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amazon_q_streaming_client import Answer, AnswerAssembler, Conversation
from amazon_q_streaming_client.models import (
    EVENT_TYPES,
    AssistantResponseMessage,
    Shape,
    ToolResult,
    ToolResultContentBlock,
)
from amazon_q_streaming_client.models._base import wire_names
from frames import ALL_EVENTS
from shape_values import ALL_SHAPES, documents

BY_THE_CALLER = {"cachePoint"}
"""Members of an answer's message that no event brings: the caller sets them."""


def assembled(*events: tuple[str, dict[str, Any]]) -> Answer:
    assembler = AnswerAssembler()
    for name, document in events:
        assembler.add(EVENT_TYPES[name].from_wire(json.dumps(document)))
    return assembler.answer()


@pytest.mark.parametrize("shape", ALL_SHAPES, ids=lambda shape: shape.__name__)
def test_every_shape_survives_a_round_trip(shape: type[Shape]) -> None:
    @settings(max_examples=15, deadline=None, database=None)
    @given(documents(shape))
    def check(document: dict[str, Any]) -> None:
        read = shape.from_wire(json.dumps(document))
        assert read.to_wire() == document
        assert shape.from_wire(read.model_dump_json()) == read

    check()


def test_all_that_a_message_can_hold_gets_there_from_the_events() -> None:
    """GIVEN one of each event, THEN no member of the message is left unset but those of the caller."""
    message = assembled(*ALL_EVENTS.items()).to_message().to_wire()
    assert set(message) == set(wire_names(AssistantResponseMessage)) - BY_THE_CALLER
    assert message["followupPrompt"] == ALL_EVENTS["followupPromptEvent"]["followupPrompt"]
    assert message["references"] == ALL_EVENTS["codeReferenceEvent"]["references"]
    assert (
        message["supplementaryWebLinks"] == ALL_EVENTS["supplementaryWebLinksEvent"]["supplementaryWebLinks"]
    )
    assert message["messageId"] == "u-1"
    assert message["reasoningContent"] == {"reasoningText": {"text": "thinking", "signature": "sig"}}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text(max_size=5), max_size=4),
    st.lists(st.text(max_size=5), max_size=4),
    st.lists(documents(EVENT_TYPES["codeReferenceEvent"]), max_size=2),
    st.lists(documents(EVENT_TYPES["supplementaryWebLinksEvent"]), max_size=2),
    st.none() | documents(EVENT_TYPES["followupPromptEvent"]),
)
def test_the_pieces_of_a_message_are_joined_in_order_whatever_they_are(
    texts: list[str], signatures: list[str], references: Any, links: Any, followup: Any
) -> None:
    message = assembled(
        *(("reasoningContentEvent", {"text": text}) for text in texts),
        *(("reasoningContentEvent", {"signature": piece}) for piece in signatures),
        *(("codeReferenceEvent", document) for document in references),
        *(("supplementaryWebLinksEvent", document) for document in links),
        *([("followupPromptEvent", followup)] if followup else []),
    ).to_message()
    text, signature = "".join(texts), "".join(signatures)
    if text or signature:
        assert message.reasoning_content is not None
        assert message.reasoning_content.reasoning_text is not None
        assert message.reasoning_content.reasoning_text.text == text
        assert message.reasoning_content.reasoning_text.signature == (signature or None)
    else:
        assert message.reasoning_content is None
    wire = message.to_wire()
    assert wire.get("references", []) == [item for one in references for item in one.get("references", [])]
    links_sent = [item for one in links for item in one.get("supplementaryWebLinks", [])]
    assert wire.get("supplementaryWebLinks", []) == links_sent
    assert wire.get("followupPrompt") == (followup or {}).get("followupPrompt")


def test_redacted_reasoning_goes_back_as_it_came() -> None:
    pieces = [("reasoningContentEvent", {"redactedContent": piece}) for piece in ("+/8=", "AAE=")]
    answer = assembled(*pieces)
    assert answer.redacted_reasoning == b"\xfb\xff\x00\x01"
    assert answer.to_message().to_wire()["reasoningContent"] == {"redactedContent": "+/8AAQ=="}


def test_the_reasoning_is_in_the_next_request() -> None:
    conversation = Conversation()
    conversation.ask("why?")
    conversation.record(
        assembled(("assistantResponseEvent", {"content": "so"}), *list(ALL_EVENTS.items())[1:2])
    )
    state = conversation.ask("and?").to_wire()
    assert state["history"][1]["assistantResponseMessage"] == {
        "content": "so",
        "reasoningContent": {"reasoningText": {"text": "thinking", "signature": "sig"}},
    }


def test_a_tool_that_the_service_ran_is_answered_with_its_result() -> None:
    """GIVEN two tool uses of which the service ran one, THEN only the other counts as not run."""
    use = {"name": "search", "stop": True}
    result = {"toolUseId": "t-1", "content": [{"text": "found"}], "status": "success"}
    answer = assembled(
        ("toolUseEvent", {**use, "toolUseId": "t-1"}),
        ("toolUseEvent", {**use, "toolUseId": "t-2"}),
        ("toolResultEvent", {"toolResult": result}),
    )
    assert [one.to_wire() for one in answer.tool_results] == [result]
    conversation = Conversation()
    conversation.ask("look")
    conversation.record(answer)
    sent = conversation.ask("go on").to_wire()["currentMessage"]["userInputMessage"]
    first, second = sent["userInputMessageContext"]["toolResults"]
    assert first == result
    assert second["status"] == "error"
    conversation.abandon()
    own = ToolResult(tool_use_id="t-1", content=[ToolResultContentBlock(text="mine")])
    sent = conversation.give_results([own]).to_wire()["currentMessage"]["userInputMessage"]
    assert sent["userInputMessageContext"]["toolResults"][0]["content"] == [{"text": "mine"}]
