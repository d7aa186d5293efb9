"""Framing of application/vnd.amazon.eventstream, for fakes, recordings and other services."""

from __future__ import annotations

from ._eventstream import EventStreamDecoder, Message, encode_message
from ._headers import HeaderValue, Int8, Int16, Int32, Timestamp

__all__ = [
    "EventStreamDecoder",
    "HeaderValue",
    "Int16",
    "Int32",
    "Int8",
    "Message",
    "Timestamp",
    "encode_message",
]
