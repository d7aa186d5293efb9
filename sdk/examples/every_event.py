"""Handle every event: a type checker complains when a later version adds one that is not handled."""

from typing import assert_never

from amazon_q_streaming_client import AnyEvent, QStreamingClientSync, UnknownEvent, from_cli_database
from amazon_q_streaming_client.models import (
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


def describe(event: AnyEvent) -> str:
    match event:
        case AssistantResponseEvent() | CodeEvent():
            return event.content
        case ReasoningContentEvent():
            return f"(thinks: {event.text})"
        case ToolUseEvent() | ToolResultEvent():
            return "(tools)"
        case CitationEvent() | CodeReferenceEvent() | SupplementaryWebLinksEvent() | FollowupPromptEvent():
            return "(what the answer refers to)"
        case MetadataEvent() | MeteringEvent() | ContextUsageEvent():
            return "(what it took)"
        case MessageMetadataEvent() | InvalidStateEvent() | IntentsEvent() | InteractionComponentsEvent():
            return "(about the conversation)"
        case DryRunSucceedEvent():
            return "(a dry run)"
        case UnknownEvent():
            return f"({event.event_type})"
        case _:
            assert_never(event)


def main() -> None:
    with QStreamingClientSync(token_provider=from_cli_database()) as client:
        for event in client.generate_assistant_response("What is an S3 bucket?"):
            print(describe(event))


if __name__ == "__main__":
    main()
