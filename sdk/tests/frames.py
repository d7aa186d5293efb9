"""Event-stream messages as the service sends them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from amazon_q_streaming_client import encode_message

__all__ = ["ALL_EVENTS", "error", "event", "exception", "raw_event", "text"]


def event(event_type: str, document: Mapping[str, Any]) -> bytes:
    """An event."""
    headers = {":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}
    return encode_message(headers, json.dumps(document).encode())


def raw_event(event_type: str, payload: bytes) -> bytes:
    """An event with a payload of any kind."""
    return encode_message({":event-type": event_type, ":message-type": "event"}, payload)


def text(content: str) -> bytes:
    """A piece of answer text."""
    return event("assistantResponseEvent", {"content": content})


def exception(name: str, document: Mapping[str, Any]) -> bytes:
    """A modelled exception inside of the stream."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return encode_message(headers, json.dumps(document).encode())


def error(code: str, message: str) -> bytes:
    """An error that the model does not know, inside of the stream."""
    return encode_message({":message-type": "error", ":error-code": code, ":error-message": message})


ALL_EVENTS: Mapping[str, dict[str, Any]] = {
    "messageMetadataEvent": {"conversationId": "c-1", "utteranceId": "u-1"},
    "reasoningContentEvent": {"text": "thinking", "signature": "sig", "redactedContent": "+/8="},
    "assistantResponseEvent": {"content": "Grüße 🌍", "modelId": "m-1"},
    "codeEvent": {"content": "print()"},
    "codeReferenceEvent": {
        "references": [
            {
                "licenseName": "MIT",
                "repository": "r",
                "url": "https://e.example",
                "recommendationContentSpan": {"start": 0, "end": 5},
            }
        ]
    },
    "citationEvent": {
        "target": {"range": {"start": 1, "end": 2}},
        "citationText": "t",
        "citationLink": "https://c.example",
    },
    "supplementaryWebLinksEvent": {
        "supplementaryWebLinks": [{"url": "https://w.example", "title": "W", "snippet": "s"}]
    },
    "followupPromptEvent": {"followupPrompt": {"content": "next?", "userIntent": "SHOW_EXAMPLES"}},
    "intentsEvent": {"intents": {"SUPPORT": {"case": {"string": "42"}}, "NEW_KIND": {}}},
    "interactionComponentsEvent": {
        "interactionComponentEntries": [
            {"interactionComponentId": "i-1", "interactionComponent": {"text": {"content": "x"}}}
        ]
    },
    "toolUseEvent": {"toolUseId": "t-1", "name": "fs_read", "input": '{"path": "/"}', "stop": True},
    "toolResultEvent": {
        "toolResult": {"toolUseId": "t-0", "content": [{"json": {"a": None}}], "status": "success"}
    },
    "invalidStateEvent": {"reason": "INVALID_TASK_ASSIST_PLAN", "message": "no"},
    "dryRunSucceedEvent": {},
    "contextUsageEvent": {"contextUsagePercentage": 12.5},
    "metadataEvent": {
        "tokenUsage": {
            "uncachedInputTokens": 1,
            "outputTokens": 2,
            "totalTokens": 3,
            "cacheReadInputTokens": 0,
            "contextUsagePercentage": 13,
        }
    },
    "meteringEvent": {"usage": 0.25, "unit": "credit", "unitPlural": "credits"},
}
"""One of each event of the service, by its name on the wire."""
