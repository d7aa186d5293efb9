"""From event-stream messages to typed events, and to the errors that travel inside the stream."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from ._eventstream import Message
from ._exceptions import ProtocolError, ServiceError
from ._failures import Failure, failure_from_body, short_name, to_error
from ._headers import HeaderValue
from .models import (
    EVENT_TYPES,
    AssistantResponseEvent,
    Event,
    MessageMetadataEvent,
    ReasoningContentEvent,
    ToolUseEvent,
    UnknownEvent,
)

__all__ = ["INITIAL_RESPONSE", "prepare", "read_event", "read_failure"]

_FIRST_EVENTS = (AssistantResponseEvent, MessageMetadataEvent, ReasoningContentEvent, ToolUseEvent)

INITIAL_RESPONSE = "initial-response"
"""The first message of the awsJson1.0 form may carry the members of the response that are no events."""


def prepare() -> None:
    """Build what reads the events that come first, so that the first of them is not delayed by it."""
    for event in _FIRST_EVENTS:
        event.model_rebuild()


def read_event(message: Message) -> Event:
    """Return the event in a message; raise ProtocolError when it is not what its type says."""
    event_type = _header(message.headers, ":event-type")
    shape = EVENT_TYPES.get(event_type)
    if shape is None:
        content_type = message.headers.get(":content-type")
        return UnknownEvent(
            event_type=event_type,
            content_type=content_type if isinstance(content_type, str) else None,
            payload=message.payload,
        )
    try:
        return shape.from_wire(message.payload or b"{}")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its payload"
        raise ProtocolError(f"the event {event_type} is malformed: {place}: {first['msg']}") from None


def read_failure(message: Message, request_id: str | None) -> ServiceError | None:
    """Return the error that a message carries; None when it is an event. Raise ProtocolError for neither."""
    kind = _header(message.headers, ":message-type")
    if kind == "event":
        return None
    if kind == "exception":
        name = _header(message.headers, ":exception-type")
        code = "InternalServerException" if name == "error" else name
        return to_error(failure_from_body(message.payload, code=code, request_id=request_id))
    if kind == "error":
        return to_error(
            Failure(
                code=short_name(_header(message.headers, ":error-code")),
                message=_optional(message.headers, ":error-message"),
                request_id=request_id,
            )
        )
    raise ProtocolError(f"a message has the unknown type {kind!r}")


def _header(headers: Mapping[str, HeaderValue], name: str) -> str:
    value = headers.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"a message has no header {name}")
    return value


def _optional(headers: Mapping[str, HeaderValue], name: str) -> str:
    value = headers.get(name)
    return value if isinstance(value, str) else ""
