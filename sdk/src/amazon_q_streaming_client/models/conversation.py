"""Conversations: what GenerateAssistantResponse and SendMessage take."""

from __future__ import annotations

from typing import Annotated

from ._base import Blob, OneOf, Open, Shape, at_most, chars
from .caching import CachePoint, ClientCacheConfig
from .chat_enums import AgentTaskType, ChatTriggerType, ImageFormat, Origin, UserIntent
from .editor import Diagnostic, EditorState
from .environment import AppStudioState, ConsoleState, EnvState, GitState, ShellState, UserSettings
from .references import FollowupPrompt, Reference, SupplementaryWebLink
from .tools import Tool, ToolResult, ToolUse

__all__ = [
    "AdditionalContentEntry",
    "AssistantResponseMessage",
    "ChatMessage",
    "ConversationState",
    "GenerateAssistantResponseRequest",
    "ImageBlock",
    "ImageSource",
    "ReasoningContent",
    "ReasoningText",
    "SendMessageRequest",
    "UserInputMessage",
    "UserInputMessageContext",
]


class ReasoningText(Shape):
    """Readable reasoning, with the signature that proves it unchanged."""

    text: str
    signature: str | None = None


class ReasoningContent(OneOf):
    """The reasoning of the model: readable or redacted."""

    reasoning_text: ReasoningText | None = None
    redacted_content: Blob | None = None


class ImageSource(OneOf):
    """The bytes of an image."""

    bytes: Annotated[Blob, at_most(10_000_000, "bytes")] | None = None


class ImageBlock(Shape):
    """An image in a question."""

    format: Open[ImageFormat]
    source: ImageSource


class AdditionalContentEntry(Shape):
    """A named text that goes with the question."""

    description: str
    name: str
    inner_context: str | None = None


class UserInputMessageContext(Shape):
    """What surrounds a question: editor, shell, environment, tools and tool results."""

    additional_context: list[AdditionalContentEntry] | None = None
    app_studio_context: AppStudioState | None = None
    console_state: ConsoleState | None = None
    diagnostic: Diagnostic | None = None
    editor_state: EditorState | None = None
    env_state: EnvState | None = None
    git_state: GitState | None = None
    shell_state: ShellState | None = None
    tool_results: list[ToolResult] | None = None
    tools: list[Tool] | None = None
    user_settings: UserSettings | None = None


class UserInputMessage(Shape):
    """A question of the user, its context, images and tool results."""

    content: Annotated[str, chars(0, 600_000)]
    cache_point: CachePoint | None = None
    client_cache_config: ClientCacheConfig | None = None
    images: Annotated[list[ImageBlock], at_most(10)] | None = None
    model_id: str | None = None
    origin: Open[Origin] | None = None
    user_input_message_context: UserInputMessageContext | None = None
    user_intent: Open[UserIntent] | None = None


class AssistantResponseMessage(Shape):
    """An answer of the assistant, as it goes into the history."""

    content: str
    cache_point: CachePoint | None = None
    followup_prompt: FollowupPrompt | None = None
    message_id: str | None = None
    reasoning_content: ReasoningContent | None = None
    references: list[Reference] | None = None
    supplementary_web_links: list[SupplementaryWebLink] | None = None
    tool_uses: list[ToolUse] | None = None


class ChatMessage(OneOf):
    """One message of a conversation: of the user or of the assistant."""

    assistant_response_message: AssistantResponseMessage | None = None
    user_input_message: UserInputMessage | None = None


class ConversationState(Shape):
    """A question with the conversation before it. ``history`` starts with a user message and alternates."""

    chat_trigger_type: Open[ChatTriggerType]
    current_message: ChatMessage
    agent_continuation_id: str | None = None
    agent_task_type: Open[AgentTaskType] | None = None
    conversation_id: str | None = None
    customization_arn: str | None = None
    history: Annotated[list[ChatMessage], at_most(10_000)] | None = None
    workspace_id: str | None = None


class GenerateAssistantResponseRequest(Shape):
    """What GenerateAssistantResponse takes. ``agent_mode`` also travels as a header."""

    conversation_state: ConversationState
    agent_mode: str | None = None
    profile_arn: str | None = None


class SendMessageRequest(Shape):
    """What SendMessage takes: with ``dry_run`` the service checks the request and asks no model."""

    conversation_state: ConversationState
    dry_run: bool | None = None
    profile_arn: str | None = None
    source: Open[Origin] | None = None
