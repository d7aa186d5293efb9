"""From event-stream messages to typed events, and to the errors that travel inside the stream."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import ValidationError

from ._eventstream import Message
from ._failures import Failure, failure_from_body, short_name, to_error
from ._headers import HeaderValue
from ._texts import printable
from .errors import ProtocolError, ServiceError
from .models import (
    EVENT_TYPES,
    AnyEvent,
    AssistantResponseEvent,
    MessageMetadataEvent,
    ReasoningContentEvent,
    ToolUseEvent,
    UnknownEvent,
)
from .models._lenient import load_document

__all__ = ["INITIAL_RESPONSE", "EventReader", "prepare", "read_failure"]

_FIRST_EVENTS = (AssistantResponseEvent, MessageMetadataEvent, ReasoningContentEvent, ToolUseEvent)

_TEXTS: Final = ("content", "text", "input", "signature")
_SHAPES: Final = cast("Mapping[str, type[AnyEvent]]", EVENT_TYPES)
_LOGGER: Final = logging.getLogger(__package__)

INITIAL_RESPONSE = "initial-response"
"""The first message of the awsJson1.0 form may carry the members of the response that are no events."""


def prepare() -> None:
    """Build what reads the events that come first, so that the first of them is not delayed by it."""
    for event in _FIRST_EVENTS:
        event.model_rebuild()


class EventReader:
    """Reads the events of one stream.

    A character beyond the first 65,536 may be cut in two where the service counts in UTF-16: its first half
    is held back until the event with the second comes.
    """

    def __init__(self) -> None:
        self._halves: dict[tuple[str, object, str], str] = {}
        self._headers: Mapping[str, HeaderValue] | None = None
        self._name = ""
        self._shape: type[AnyEvent] | None = None

    def is_of_the_last_kind(self, message: Message) -> bool:
        """Whether the message has the headers of the last one that was read: the decoder shares them."""
        return message.headers is self._headers

    def read(self, message: Message) -> AnyEvent:
        """Return the event in a message; what cannot be read as its type says is an UnknownEvent."""
        if message.headers is not self._headers:
            self._headers, self._name = message.headers, _text(message.headers, ":event-type")
            self._shape = _SHAPES.get(self._name)
        name, shape = self._name, self._shape
        if shape is None:
            return _unknown(name, message)
        payload = message.payload or b"{}"
        if not self._halves:
            try:
                return shape.from_fitting_wire(payload)
            except ValidationError:
                _LOGGER.debug("the event %s does not fit its shape and is read leniently", name)
        try:
            document = load_document(payload)
            if isinstance(document, dict):
                self._join_halves(name, document)
                return shape.from_odd_document(document)
        except (ValueError, RecursionError, ProtocolError):
            pass
        return _unknown(name, message)

    def _join_halves(self, name: str, document: dict[str, Any]) -> None:
        for member in _TEXTS:
            text = document.get(member)
            if not isinstance(text, str):
                continue
            key = (name, str(document.get("toolUseId")), member)
            text = self._halves.pop(key, "") + text
            if text and "\ud800" <= text[-1] <= "\udbff":
                self._halves[key] = text[-1]
                text = text[:-1]
            document[member] = text


def _unknown(name: str, message: Message) -> UnknownEvent:
    content_type = message.headers.get(":content-type")
    return UnknownEvent(
        event_type=name,
        content_type=content_type if isinstance(content_type, str) else None,
        payload=message.payload,
    )


def read_failure(message: Message, request_id: str | None) -> ServiceError | None:
    """Return the error that a message carries; None for an event, and for a kind that is not known."""
    kind = _text(message.headers, ":message-type")
    if kind == "exception":
        name = _text(message.headers, ":exception-type")
        code = "InternalServerException" if name == "error" else name
        return to_error(failure_from_body(message.payload, code=code, request_id=request_id))
    if kind == "error":
        return to_error(
            Failure(
                code=short_name(_text(message.headers, ":error-code")),
                message=_text(message.headers, ":error-message") or printable(message.payload),
                request_id=request_id,
            )
        )
    return None


def _text(headers: Mapping[str, HeaderValue], name: str) -> str:
    value = headers.get(name)
    return value if isinstance(value, str) else ""
