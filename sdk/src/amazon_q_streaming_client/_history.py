"""The history rules that the service enforces; breaking one is answered with "Improperly formed request".

A history starts with a user message that has no tool results, user and assistant alternate, and it ends with
the assistant. Each tool use is answered by exactly one tool result in the next user message, which has no
others. A tool that is used is described among the tools of the current message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from .errors import ConversationError, InvalidArgumentError
from .models import ChatMessage, ConversationState, ToolUse, UserInputMessage

__all__ = ["MAX_HISTORY", "check_state"]

MAX_HISTORY: Final = 10_000
"""The most messages that a history may have."""


def check_state(state: ConversationState) -> None:
    """Raise ConversationError where ``state`` breaks a rule of the service."""
    if not isinstance(state, ConversationState):
        raise InvalidArgumentError(f"the state must be a ConversationState, not {type(state).__name__}")
    history = state.history or []
    current = state.current_message.user_input_message
    if current is None:
        raise ConversationError("the current message must be of the user")
    check_history(history)
    _check_results(_tool_uses(history[-1]) if history else [], current)
    tools = (current.user_input_message_context.tools if current.user_input_message_context else None) or []
    known = {tool.tool_specification.name for tool in tools if tool.tool_specification}
    unknown = sorted(used_tools(history) - known)
    if unknown:
        raise ConversationError(f"tools are used in the history but not described: {', '.join(unknown)}")


def check_history(history: Sequence[ChatMessage]) -> None:
    """Raise ConversationError where messages cannot be the history before a question."""
    if len(history) > MAX_HISTORY:
        raise ConversationError(
            f"the history has {len(history)} messages, at most {MAX_HISTORY} are allowed",
            remedy="Conversation.compact() drops the oldest turns.",
        )
    if len(history) % 2:
        raise ConversationError("the history must end with a message of the assistant")
    uses: list[ToolUse] = []
    for index in range(0, len(history), 2):
        user = history[index].user_input_message
        if user is None or history[index + 1].assistant_response_message is None:
            raise ConversationError(f"user and assistant must alternate; message {index} breaks it")
        _check_results(uses, user)
        uses = _tool_uses(history[index + 1])


def _check_results(uses: Iterable[ToolUse], user: UserInputMessage) -> None:
    wanted = sorted(use.tool_use_id for use in uses)
    given = sorted(result_ids(user))
    if wanted != given:
        raise ConversationError(
            f"each tool use needs one result in the next user message: used {wanted}, results for {given}"
        )


def result_ids(user: UserInputMessage) -> list[str]:
    """Return the tool use ids that a user message has results for."""
    context = user.user_input_message_context
    return [result.tool_use_id for result in (context.tool_results if context else None) or []]


def _tool_uses(message: ChatMessage) -> list[ToolUse]:
    assistant = message.assistant_response_message
    return (assistant.tool_uses if assistant else None) or []


def open_tool_uses(history: Sequence[ChatMessage]) -> tuple[ToolUse, ...]:
    """Return the tool uses of the last answer, which wait for results."""
    return tuple(_tool_uses(history[-1])) if history else ()


def used_tools(history: Iterable[ChatMessage]) -> set[str]:
    """Return the names of all tools that were used."""
    return {use.name for message in history for use in _tool_uses(message)}
