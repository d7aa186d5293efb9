"""What shapes do beside having the right members: round trips, unions, lengths, blobs and timestamps."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amazon_q_streaming_client import InvalidArgumentError, models, question
from amazon_q_streaming_client.models import (
    AssistantResponseMessage,
    Bonus,
    ChatMessage,
    CitationTarget,
    ConversationState,
    EnvironmentVariable,
    EnvState,
    GetUsageLimitsResponse,
    ImageBlock,
    ImageFormat,
    ImageSource,
    IntentsEvent,
    Origin,
    ToolResultContentBlock,
    ToolSpecification,
    ToolUse,
    UserInputMessage,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"zz[A-Za-z]{1,8}", fullmatch=True), json_values, max_size=4))
def test_unknown_fields_survive_a_round_trip(extra: dict[str, Any]) -> None:
    document = {"content": "x", "origin": "CLI", **extra}
    assert UserInputMessage.from_wire(
        UserInputMessage.model_validate(document).model_dump_json()
    ).to_wire() == (document)


@given(json_values)
def test_documents_survive_with_their_nulls(document: Any) -> None:
    use = ToolUse(tool_use_id="t", name="n", input={"a": document})
    assert ToolUse.from_wire(use.model_dump_json()).to_wire()["input"] == {"a": document}


def test_unknown_enum_values_survive_and_known_ones_are_members() -> None:
    message = UserInputMessage.from_wire('{"content": "x", "origin": "WATCH", "userIntent": "SHOW_EXAMPLES"}')
    assert message.origin == "WATCH"
    assert message.user_intent is models.UserIntent.SHOW_EXAMPLES
    assert message.to_wire() == {"content": "x", "origin": "WATCH", "userIntent": "SHOW_EXAMPLES"}
    intents = {"intents": {"SUPPORT": {"a": {"string": "b"}}, "OTHER": {}}}
    assert IntentsEvent.model_validate(intents).to_wire() == intents


def test_python_names_and_wire_names_are_both_taken() -> None:
    assert ToolUse(tool_use_id="t", name="n", input={}) == ToolUse.model_validate(
        {"toolUseId": "t", "name": "n", "input": {}}
    )
    block = ToolResultContentBlock(json_value={"a": 1})
    assert block.to_wire() == {"json": {"a": 1}}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"text": None},
        {"text": "a", "json": 1},
        {"text": "a", "novel": 1},
        {"novel": None},
    ],
)
def test_a_union_needs_exactly_one_member(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="exactly one member of ToolResultContentBlock"):
        ToolResultContentBlock.model_validate(members)


def test_a_member_that_is_not_known_yet_counts_as_one() -> None:
    block = ToolResultContentBlock.model_validate({"novel": {"a": 1}, "other": None})
    assert (block.member, block.to_wire()) == ("novel", {"novel": {"a": 1}, "other": None})
    assert CitationTarget(location=0).member == "location"


def test_blobs_are_standard_base64_on_the_wire_and_bytes_in_python() -> None:
    raw = bytes(range(256))
    source = ImageSource(bytes=raw)
    assert source.to_wire() == {"bytes": base64.b64encode(raw).decode()}
    assert ImageSource.from_wire(source.model_dump_json()).bytes == raw
    with pytest.raises(InvalidArgumentError, match="not base64"):
        ImageSource.model_validate({"bytes": "*"})


def test_timestamps_are_seconds_on_the_wire_and_aware_in_python() -> None:
    usage = GetUsageLimitsResponse.from_wire('{"nextDateReset": 1700000000.25}')
    assert usage.next_date_reset == datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)
    assert usage.to_wire() == {"nextDateReset": 1_700_000_000.25}
    assert GetUsageLimitsResponse.from_wire('{"nextDateReset": "2025-01-01T00:00:00Z"}').to_wire() == {
        "nextDateReset": 1_735_689_600
    }
    for wrong in ("1e300", "true"):
        assert GetUsageLimitsResponse.from_wire(f'{{"nextDateReset": {wrong}}}').next_date_reset is None
    for outside in (1e300, True):
        with pytest.raises(InvalidArgumentError):
            GetUsageLimitsResponse.model_validate({"nextDateReset": outside})
    assert Bonus.model_fields["expires_at"].is_required()


def test_numbers_keep_their_kind() -> None:
    for text in ('{"usage":1}', '{"usage":1.0}', '{"usage":0.25}'):
        assert models.MeteringEvent.from_wire(text).model_dump_json() == text


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: question("x" * 600_001), "at most 600000 characters"),
        (lambda: ToolResultContentBlock(text="x" * 800_001), "at most 800000"),
        (lambda: EnvState(current_working_directory="x" * 257), "at most 256"),
        (lambda: EnvState(current_working_directory=""), "at least 1"),
        (lambda: EnvState(operating_system="beos"), "macos|linux|windows"),
        (lambda: EnvState(timezone_offset=1441), "less than or equal to 1440"),
        (lambda: EnvState(environment_variables=[EnvironmentVariable(key="a")] * 101), "at most 100 items"),
        (lambda: EnvironmentVariable(value="x" * 1025), "at most 1024"),
        (lambda: ToolUse(tool_use_id="t", name="a b", input={}), "allows only"),
        (lambda: ToolUse(tool_use_id="t", name="a" * 65, input={}), "at most 64"),
        (lambda: ImageSource(bytes=b"x" * 10_000_001), "at most 10000000 bytes"),
        (
            lambda: UserInputMessage(
                content="x",
                images=[ImageBlock(format=ImageFormat.PNG, source=ImageSource(bytes=b"x"))] * 11,
            ),
            "at most 10 items",
        ),
        (
            lambda: ConversationState(
                chat_trigger_type="MANUAL",
                current_message=question("x").current_message,
                history=[question("x").current_message] * 10_001,
            ),
            "at most 10000 items",
        ),
        (
            lambda: ToolSpecification.model_validate({"name": "a", "inputSchema": {}, "description": ""}),
            "at least 1",
        ),
    ],
)
def test_requests_are_held_to_the_lengths_of_the_service(make: Any, reason: str) -> None:
    with pytest.raises(InvalidArgumentError, match=reason):
        make()


def test_what_the_service_sends_is_not_held_to_lengths() -> None:
    text = "x" * 800_001
    event = models.ToolResultEvent.from_wire(
        f'{{"toolResult": {{"toolUseId": "a b", "content": [{{"text": "{text}"}}]}}}}'
    )
    assert event.tool_result is not None
    assert event.tool_result.content[0].text == text


def test_shapes_cannot_be_changed() -> None:
    with pytest.raises(InvalidArgumentError):
        question("x").conversation_id = "y"


def test_a_question_is_a_whole_conversation_state() -> None:
    assert question("hi", model_id="m", origin="WATCH").to_wire() == {
        "chatTriggerType": "MANUAL",
        "currentMessage": {"userInputMessage": {"content": "hi", "modelId": "m", "origin": "WATCH"}},
    }
    assert question("hi").current_message == ChatMessage(
        user_input_message=UserInputMessage(content="hi", origin=Origin.CLI)
    )


def test_declared_members_that_are_none_are_left_out_and_dumped_by_name_too() -> None:
    message = AssistantResponseMessage(content="x", message_id=None)
    assert message.to_wire() == {"content": "x"}
    assert message.model_dump(by_alias=False) == {"content": "x"}


def test_an_unknown_event_reads_its_payload_as_json_where_it_is() -> None:
    assert models.UnknownEvent(event_type="e", payload=b'{"a": 1}').document() == {"a": 1}
    assert models.UnknownEvent(event_type="e", payload=b"\xff").document() is None
