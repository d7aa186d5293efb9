"""The events of an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from ._base import Blob, Document, Number, OneOf, Open, Shape
from .chat_enums import IntentType, InternalServerExceptionReason, InvalidStateReason
from .interaction import InteractionComponentEntry
from .references import CitationTarget, FollowupPrompt, Reference, SupplementaryWebLink
from .tools import ToolResult

__all__ = [
    "AnyEvent",
    "AssistantResponseEvent",
    "ChatResponseStream",
    "CitationEvent",
    "CodeEvent",
    "CodeReferenceEvent",
    "ContextUsageEvent",
    "DryRunSucceedEvent",
    "EVENT_TYPES",
    "Event",
    "FollowupPromptEvent",
    "IntentDataType",
    "IntentsEvent",
    "InteractionComponentsEvent",
    "InternalServerException",
    "InvalidStateEvent",
    "MessageMetadataEvent",
    "MetadataEvent",
    "MeteringEvent",
    "ReasoningContentEvent",
    "SupplementaryWebLinksEvent",
    "TokenUsage",
    "ToolResultEvent",
    "ToolUseEvent",
    "UnknownEvent",
]


class Event(Shape):
    """The base of all events."""

    @property
    def wire_name(self) -> str:
        """The name of the event on the wire."""
        return _wire_name(type(self))


class UnknownEvent(Event):
    """An event that this version does not know: its name and its payload as they came."""

    event_type: str
    content_type: str | None = None
    payload: Blob = b""

    @property
    def wire_name(self) -> str:
        """The name of the event on the wire."""
        return self.event_type

    def document(self) -> Any:
        """Return the payload read as JSON; None when it is not JSON."""
        try:
            return json.loads(self.payload)
        except (ValueError, RecursionError):
            return None


class AssistantResponseEvent(Event):
    """A piece of the answer text."""

    content: str
    model_id: str | None = None


class CitationEvent(Event):
    """A source of the answer."""

    citation_link: str
    target: CitationTarget
    citation_text: str | None = None


class CodeEvent(Event):
    """A piece of generated code."""

    content: str


class CodeReferenceEvent(Event):
    """Licensed code that the answer resembles."""

    references: list[Reference] | None = None


class ContextUsageEvent(Event):
    """How much of the context window is used, in percent."""

    context_usage_percentage: Number | None = None


class DryRunSucceedEvent(Event):
    """The dry run found no fault."""


class FollowupPromptEvent(Event):
    """A question that the service suggests next."""

    followup_prompt: FollowupPrompt | None = None


class IntentDataType(OneOf):
    """A value of an intent."""

    string: str | None = None


class IntentsEvent(Event):
    """What the service believes the user wants, by kind."""

    intents: dict[Open[IntentType], dict[str, IntentDataType]] | None = None


class InteractionComponentsEvent(Event):
    """Elements of a user interface."""

    interaction_component_entries: list[InteractionComponentEntry]


class InvalidStateEvent(Event):
    """The conversation is in a state in which the service cannot go on."""

    message: str
    reason: Open[InvalidStateReason]


class MessageMetadataEvent(Event):
    """The ids of the conversation and of this answer."""

    conversation_id: str | None = None
    utterance_id: str | None = None


class TokenUsage(Shape):
    """Counts of tokens, and the used share of the context window in percent."""

    output_tokens: int
    total_tokens: int
    uncached_input_tokens: int
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    context_usage_percentage: Number | None = None


class MetadataEvent(Event):
    """The tokens that the answer took."""

    token_usage: TokenUsage | None = None


class MeteringEvent(Event):
    """What the answer cost, in ``unit``."""

    unit: str | None = None
    unit_plural: str | None = None
    usage: Number | None = None


class ReasoningContentEvent(Event):
    """A piece of the reasoning of the model."""

    redacted_content: Blob | None = None
    signature: str | None = None
    text: str | None = None


class SupplementaryWebLinksEvent(Event):
    """Web pages that go with the answer."""

    supplementary_web_links: list[SupplementaryWebLink] | None = None


class ToolResultEvent(Event):
    """The result of a tool that the service ran itself."""

    tool_result: ToolResult | None = None


class ToolUseEvent(Event):
    """A piece of a tool use. ``input`` is a fragment of JSON text; some endpoints send objects."""

    name: str
    tool_use_id: str
    input: str | dict[str, Document] | None = None
    stop: bool | None = None


class InternalServerException(Shape):
    """The body of an error event: the service failed."""

    message: str | None = None
    reason: Open[InternalServerExceptionReason] | None = None


class ChatResponseStream(OneOf):
    """An event together with its wire name, as the union in which the service describes them."""

    assistant_response_event: AssistantResponseEvent | None = None
    citation_event: CitationEvent | None = None
    code_event: CodeEvent | None = None
    code_reference_event: CodeReferenceEvent | None = None
    context_usage_event: ContextUsageEvent | None = None
    dry_run_succeed_event: DryRunSucceedEvent | None = None
    error: InternalServerException | None = None
    followup_prompt_event: FollowupPromptEvent | None = None
    intents_event: IntentsEvent | None = None
    interaction_components_event: InteractionComponentsEvent | None = None
    invalid_state_event: InvalidStateEvent | None = None
    message_metadata_event: MessageMetadataEvent | None = None
    metadata_event: MetadataEvent | None = None
    metering_event: MeteringEvent | None = None
    reasoning_content_event: ReasoningContentEvent | None = None
    supplementary_web_links_event: SupplementaryWebLinksEvent | None = None
    tool_result_event: ToolResultEvent | None = None
    tool_use_event: ToolUseEvent | None = None


AnyEvent: TypeAlias = (
    AssistantResponseEvent
    | CitationEvent
    | CodeEvent
    | CodeReferenceEvent
    | ContextUsageEvent
    | DryRunSucceedEvent
    | FollowupPromptEvent
    | IntentsEvent
    | InteractionComponentsEvent
    | InvalidStateEvent
    | MessageMetadataEvent
    | MetadataEvent
    | MeteringEvent
    | ReasoningContentEvent
    | SupplementaryWebLinksEvent
    | ToolResultEvent
    | ToolUseEvent
    | UnknownEvent
)
"""Every event that a stream can deliver: a closed union, so that type checkers see what a ``match`` lacks."""


def _wire_name(event: type[Event]) -> str:
    return event.__name__[0].lower() + event.__name__[1:]


EVENT_TYPES: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {
        _wire_name(event): event
        for event in (
            AssistantResponseEvent,
            CitationEvent,
            CodeEvent,
            CodeReferenceEvent,
            ContextUsageEvent,
            DryRunSucceedEvent,
            FollowupPromptEvent,
            IntentsEvent,
            InteractionComponentsEvent,
            InvalidStateEvent,
            MessageMetadataEvent,
            MetadataEvent,
            MeteringEvent,
            ReasoningContentEvent,
            SupplementaryWebLinksEvent,
            ToolResultEvent,
            ToolUseEvent,
        )
    }
)
"""The class of each known event, by its name on the wire (the ``:event-type`` header)."""
