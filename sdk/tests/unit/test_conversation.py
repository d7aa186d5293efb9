"""Whatever is done to a conversation, the state it sends keeps the rules of the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amazon_q_streaming_client import (
    Answer,
    Conversation,
    ConversationError,
    InvalidArgumentError,
    ToolCall,
    ToolProblem,
    check_state,
)
from amazon_q_streaming_client.models import (
    AssistantResponseMessage,
    ChatMessage,
    ConversationState,
    EnvState,
    GitState,
    ImageBlock,
    ImageFormat,
    ImageSource,
    Tool,
    ToolInputSchema,
    ToolResult,
    ToolResultContentBlock,
    ToolSpecification,
    ToolUse,
    UserInputMessage,
    UserInputMessageContext,
)


def tool(name: str) -> ToolSpecification:
    return ToolSpecification(name=name, input_schema=ToolInputSchema(json_value={"type": "object"}))


def result(tool_use_id: str, text: str = "done") -> ToolResult:
    return ToolResult(tool_use_id=tool_use_id, content=[ToolResultContentBlock(text=text)], status="success")


def using(*ids: str, name: str = "read", text: str = "") -> Answer:
    return Answer(text=text, tool_uses=tuple(ToolCall(each, name, {"a": None}) for each in ids))


def context_of(state: ConversationState) -> UserInputMessageContext:
    message = state.current_message.user_input_message
    assert message is not None
    assert message.user_input_message_context is not None
    return message.user_input_message_context


def user(text: str, results: Sequence[ToolResult] = (), tools: Sequence[Tool] = ()) -> ChatMessage:
    context = UserInputMessageContext(tool_results=list(results) or None, tools=list(tools) or None)
    return ChatMessage(user_input_message=UserInputMessage(content=text, user_input_message_context=context))


def assistant(*ids: str) -> ChatMessage:
    uses = [ToolUse(tool_use_id=each, name="read", input={}) for each in ids]
    return ChatMessage(
        assistant_response_message=AssistantResponseMessage(content="a", tool_uses=uses or None)
    )


def test_questions_and_answers_alternate_and_tools_go_with_the_current_message_only() -> None:
    conversation = Conversation(tools=[tool("read")], model_id="m")
    first = conversation.ask("one")
    assert first.history is None
    assert context_of(first).tools is not None
    conversation.record(Answer(text="1", conversation_id="c"))
    second = conversation.ask("two")
    assert second.conversation_id == "c"
    assert [message.member for message in second.history or []] == [
        "user_input_message",
        "assistant_response_message",
    ]
    assert conversation.history[0].to_wire() == {
        "userInputMessage": {"content": "one", "modelId": "m", "origin": "CLI"}
    }


def test_results_answer_the_tool_uses_and_missing_ones_are_told_as_not_run() -> None:
    conversation = Conversation(tools=[tool("read")])
    conversation.ask("q")
    conversation.record(using("t1", "t2"))
    state = conversation.give_results([result("t2")])
    results = context_of(state).tool_results or []
    assert [(each.tool_use_id, each.status) for each in results] == [("t2", "success"), ("t1", "error")]


def test_a_question_in_place_of_results_answers_the_open_tool_uses() -> None:
    conversation = Conversation(tools=[tool("read")])
    conversation.ask("q")
    conversation.record(using("t1"))
    assert [each.status for each in context_of(conversation.ask("never mind")).tool_results or []] == [
        "error"
    ]


@pytest.mark.parametrize("results", [[result("other")], [result("t1"), result("t1")]])
def test_results_that_nobody_waits_for_or_twice_are_refused(results: list[ToolResult]) -> None:
    conversation = Conversation(tools=[tool("read")])
    conversation.ask("q")
    conversation.record(using("t1"))
    with pytest.raises(ConversationError, match="one result"):
        conversation.give_results(results)
    assert conversation.give_results([result("t1")])


def test_results_without_tool_uses_are_refused() -> None:
    with pytest.raises(ConversationError, match="used no tool"):
        Conversation().give_results([result("t")])


def test_a_question_waits_for_its_answer_or_is_abandoned() -> None:
    conversation = Conversation()
    with pytest.raises(ConversationError, match="no question"):
        conversation.record(Answer())
    conversation.ask("one")
    with pytest.raises(ConversationError, match="no answer yet"):
        conversation.ask("two")
    conversation.abandon()
    assert conversation.ask("three").history is None


def test_a_truncated_tool_use_cannot_enter_the_history() -> None:
    conversation = Conversation()
    conversation.ask("q")
    with pytest.raises(ConversationError, match="inside of a tool use"):
        conversation.record(Answer(tool_uses=(ToolCall("t", "n", {}, problem=ToolProblem.TRUNCATED),)))
    conversation.abandon()
    assert conversation.history == ()


def test_a_tool_that_is_gone_keeps_a_description() -> None:
    conversation = Conversation(tools=[tool("read")])
    conversation.ask("q")
    conversation.record(using("t1"))
    conversation.tools = ()
    tools = context_of(conversation.ask("next")).tools or []
    assert [each.tool_specification.name for each in tools if each.tool_specification] == ["read"]


def test_context_and_images_of_the_caller_are_sent_and_its_tools_are_not() -> None:
    image = ImageBlock(format=ImageFormat.PNG, source=ImageSource(bytes=b"x"))
    given = UserInputMessageContext(env_state=EnvState(operating_system="linux"), tools=[], tool_results=[])
    conversation = Conversation()
    state = conversation.ask("q", images=[image], context=given)
    assert context_of(state).to_wire() == {"envState": {"operatingSystem": "linux"}}
    conversation.record(Answer(text="a"))
    kept = conversation.history[0].user_input_message
    assert kept is not None
    assert kept.images == [image]
    assert kept.user_input_message_context is not None


def turns(count: int) -> Conversation:
    conversation = Conversation(tools=[tool("read")])
    for number in range(count):
        conversation.ask(f"q{number}")
        conversation.record(using(f"t{number}"))
        conversation.give_results([result(f"t{number}", "x" * 50)])
        conversation.record(Answer(text=f"a{number}"))
    return conversation


def contents(conversation: Conversation) -> list[str]:
    return [
        (message.user_input_message or message.assistant_response_message).content  # type: ignore[union-attr]
        for message in conversation.history
    ]


@pytest.mark.parametrize(
    ("keep", "dropped", "left"), [(0, 12, 0), (1, 8, 4), (2, 4, 8), (3, 0, 12), (9, 0, 12)]
)
def test_compaction_drops_whole_turns(keep: int, dropped: int, left: int) -> None:
    conversation = turns(3)
    assert conversation.compact(keep_turns=keep) == dropped
    assert len(conversation.history) == left
    check_state(conversation.ask("next"))


def test_compaction_puts_a_summary_in_the_place_of_what_is_dropped() -> None:
    conversation = turns(2)
    conversation.compact(summary="we spoke of q0")
    assert contents(conversation)[:3] == ["we spoke of q0", "I will go on from this summary.", "q1"]
    untouched = turns(1)
    assert untouched.compact(summary="nothing was dropped") == 0
    assert contents(untouched)[0] == "q0"


def test_compaction_cuts_long_results() -> None:
    conversation = turns(1)
    conversation.compact(max_result_characters=10)
    message = conversation.history[2].user_input_message
    assert message is not None
    assert message.user_input_message_context is not None
    (cut,) = message.user_input_message_context.tool_results or []
    assert cut.content[0].text == "x" * 10 + "\n[cut, 40 more characters]"
    conversation.compact(max_result_characters=100)
    assert conversation.history[2].user_input_message == message
    other = Conversation()
    other.ask("q", context=UserInputMessageContext(git_state=GitState(status="clean")))
    other.record(Answer())
    other.compact(max_result_characters=1)
    assert other.compact(keep_turns=0) == 2


def test_json_results_are_not_cut() -> None:
    conversation = Conversation(tools=[tool("read")])
    conversation.ask("q")
    conversation.record(using("t"))
    block = ToolResultContentBlock(json_value={"a": "x" * 50})
    conversation.give_results([ToolResult(tool_use_id="t", content=[block])])
    conversation.record(Answer(text="a"))
    conversation.compact(max_result_characters=1)
    assert "x" * 50 in conversation.history[2].model_dump_json()


def test_the_turn_of_an_open_tool_use_is_kept() -> None:
    conversation = turns(1)
    conversation.ask("q")
    conversation.record(using("t"))
    for keep in (0, -1):
        with pytest.raises(ConversationError):
            conversation.compact(keep_turns=keep)
    assert conversation.compact() == 4
    check_state(conversation.give_results([result("t")]))


def test_nothing_to_compact_is_no_error() -> None:
    assert Conversation().compact() == 0
    assert Conversation().compact(keep_turns=0, summary="s") == 0


def test_a_history_of_its_own_can_be_gone_on_from() -> None:
    conversation = Conversation(history=[user("q"), assistant()])
    assert len(conversation.ask("next").history or []) == 2


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([user("q")], "must end with"),
        ([assistant(), user("q")], "alternate"),
        ([user("q"), user("q")], "alternate"),
        ([user("q", [result("t")]), assistant()], "one result"),
        ([user("q"), assistant("t"), user("q"), assistant()], "one result"),
        ([user("q"), assistant("t"), user("", [result("t"), result("t")]), assistant()], "one result"),
        ([user("q"), assistant()] * 5001, "at most 10000"),
    ],
)
def test_a_history_that_the_service_would_refuse_is_refused(history: list[ChatMessage], reason: str) -> None:
    with pytest.raises(ConversationError, match=reason):
        Conversation(history=history)


def test_a_state_that_the_service_would_refuse_is_refused() -> None:
    def state(current: ChatMessage, *history: ChatMessage) -> ConversationState:
        return ConversationState(
            chat_trigger_type="MANUAL", current_message=current, history=list(history) or None
        )

    with pytest.raises(ConversationError, match="must be of the user"):
        check_state(state(assistant()))
    with pytest.raises(ConversationError, match="not described: read"):
        check_state(state(user("", [result("t")]), user("q"), assistant("t")))
    described = user("", [result("t")], [Tool(tool_specification=tool("read"))])
    check_state(state(described, user("q"), assistant("t")))
    bare = ChatMessage(user_input_message=UserInputMessage(content="x"))
    check_state(state(bare, bare, assistant()))


def test_a_question_that_is_too_long_leaves_the_conversation_as_it_was() -> None:
    conversation = Conversation()
    with pytest.raises(InvalidArgumentError):
        conversation.ask("x" * 600_001)
    assert conversation.ask("short")


ACTIONS = st.sampled_from(["ask", "record", "record tools", "results", "abandon", "compact", "drop tools"])


@settings(max_examples=150)
@given(st.lists(st.tuples(ACTIONS, st.integers(0, 3)), max_size=25))
def test_no_order_of_calls_makes_a_state_that_breaks_a_rule(actions: list[tuple[str, int]]) -> None:
    conversation = Conversation(tools=[tool("read")])
    number = 0
    for action, count in actions:
        number += 1
        try:
            state: Any = None
            if action == "ask":
                state = conversation.ask("q")
            elif action == "record":
                conversation.record(Answer(text="a"))
            elif action == "record tools":
                conversation.record(using(*(f"t{number}-{n}" for n in range(count))))
            elif action == "results":
                state = conversation.give_results([])
            elif action == "abandon":
                conversation.abandon()
            elif action == "compact":
                conversation.compact(keep_turns=count, summary="s", max_result_characters=5)
            else:
                conversation.tools = ()
        except ConversationError:
            continue
        if state is not None:
            check_state(state)
    conversation.abandon()
    check_state(conversation.ask("last"))
