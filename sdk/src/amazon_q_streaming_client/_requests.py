"""The requests of a question, from plain arguments."""

from __future__ import annotations

from .models import (
    ChatMessage,
    ChatTriggerType,
    ConversationState,
    GenerateAssistantResponseRequest,
    Origin,
    SendMessageRequest,
    UserInputMessage,
)

__all__ = ["question"]


def question(
    text: str,
    *,
    model_id: str | None = None,
    conversation_id: str | None = None,
    origin: Origin | str = Origin.CLI,
) -> ConversationState:
    """Return the state of a conversation that is one question (at most 600,000 characters)."""
    message = UserInputMessage(content=text, model_id=model_id, origin=origin)
    return ConversationState(
        chat_trigger_type=ChatTriggerType.MANUAL,
        conversation_id=conversation_id,
        current_message=ChatMessage(user_input_message=message),
    )


def _state(conversation: ConversationState | str) -> ConversationState:
    return question(conversation) if isinstance(conversation, str) else conversation


def generate_request(
    conversation: ConversationState | str, *, agent_mode: str | None = None
) -> GenerateAssistantResponseRequest:
    """The request of GenerateAssistantResponse."""
    return GenerateAssistantResponseRequest(conversation_state=_state(conversation), agent_mode=agent_mode)


def message_request(
    conversation: ConversationState | str, *, dry_run: bool | None = None, source: Origin | str | None = None
) -> SendMessageRequest:
    """The request of SendMessage."""
    return SendMessageRequest(conversation_state=_state(conversation), dry_run=dry_run, source=source)
