"""Header blocks of application/vnd.amazon.eventstream messages.

A block is a run of headers: name length (u8), name, value type (u8), value. The ten value types and their
sizes are those of the Amazon event stream specification. All integers are big endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID

from .errors import EventStreamError

__all__ = ["HeaderValue", "Int8", "Int16", "Int32", "Timestamp", "decode_headers", "encode_headers"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Int8(int):
    """A header value of type byte (signed, 8 bits)."""


class Int16(int):
    """A header value of type short (signed, 16 bits)."""


class Int32(int):
    """A header value of type integer (signed, 32 bits). A plain int is sent as long (64 bits)."""


class Timestamp(int):
    """A header value of type timestamp: milliseconds since 1970-01-01T00:00:00Z (signed, 64 bits)."""

    def to_datetime(self) -> datetime:
        """Return the moment in UTC; raise EventStreamError where Python's calendar does not reach."""
        try:
            return _EPOCH + timedelta(milliseconds=int(self))
        except OverflowError:
            raise EventStreamError(f"the timestamp {int(self)} ms is outside of the calendar") from None


HeaderValue: TypeAlias = bool | int | bytes | str | UUID

_U16: Final = struct.Struct(">H")
_MAX_NAME: Final = 255
_MAX_VALUE: Final = 0x7FFF
"""The specification limits texts and bytes to 32,767 bytes, although their length has 16 bits."""


def _whole(kind: type[int], width: int) -> Callable[[bytes, int], tuple[HeaderValue, int]]:
    def read(block: bytes, at: int) -> tuple[HeaderValue, int]:
        end = at + width
        if end > len(block):
            raise EventStreamError("a header value runs past the end of the header block")
        return kind(int.from_bytes(block[at:end], "big", signed=True)), end

    return read


def _sized(block: bytes, at: int) -> tuple[bytes, int]:
    if at + 2 > len(block):
        raise EventStreamError("a header value has no length")
    end = at + 2 + _U16.unpack_from(block, at)[0]
    if end > len(block):
        raise EventStreamError("a header value runs past the end of the header block")
    return block[at + 2 : end], end


def _text(block: bytes, at: int) -> tuple[HeaderValue, int]:
    raw, end = _sized(block, at)
    return _utf8(raw, "value"), end


def _uuid(block: bytes, at: int) -> tuple[HeaderValue, int]:
    end = at + 16
    if end > len(block):
        raise EventStreamError("a header value runs past the end of the header block")
    return UUID(bytes=block[at:end]), end


def _utf8(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise EventStreamError(f"a header {what} is not UTF-8") from None


_READERS: Final[tuple[Callable[[bytes, int], tuple[HeaderValue, int]], ...]] = (
    lambda _block, at: (True, at),
    lambda _block, at: (False, at),
    _whole(Int8, 1),
    _whole(Int16, 2),
    _whole(Int32, 4),
    _whole(int, 8),
    _sized,
    _text,
    _whole(Timestamp, 8),
    _uuid,
)


def decode_headers(block: bytes) -> Mapping[str, HeaderValue]:
    """Read a whole header block into a read-only mapping, in wire order.

    Raises EventStreamError on a value that does not fit the block, an unknown value type, a name that is
    empty, repeated or not UTF-8, and text that is not UTF-8.
    """
    headers: dict[str, HeaderValue] = {}
    at, size = 0, len(block)
    while at < size:
        name, at = _read_name(block, at)
        if name in headers:
            raise EventStreamError(f"the header {name!r} is repeated")
        kind = block[at - 1]
        if kind >= len(_READERS):
            raise EventStreamError(f"the header {name!r} has the unknown value type {kind}")
        headers[name], at = _READERS[kind](block, at)
    return MappingProxyType(headers)


def _read_name(block: bytes, at: int) -> tuple[str, int]:
    """Return the name and the offset after its value type."""
    length = block[at]
    end = at + 1 + length
    if length == 0:
        raise EventStreamError("a header has an empty name")
    if end >= len(block):
        raise EventStreamError("a header name runs past the end of the header block")
    return _utf8(block[at + 1 : end], "name"), end + 1


def encode_headers(headers: Mapping[str, HeaderValue]) -> bytes:
    """Write a header block; raise EventStreamError on what the format cannot hold."""
    block = bytearray()
    for name, value in headers.items():
        raw = _encodable(name)
        if not 1 <= len(raw) <= _MAX_NAME:
            raise EventStreamError(f"a header name has {len(raw)} bytes, 1 to {_MAX_NAME} are allowed")
        block += bytes((len(raw),)) + raw + _encode_value(name, value)
    return bytes(block)


def _encode_value(name: str, value: HeaderValue) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case int():
            return _encode_number(name, value)
        case bytes():
            return b"\x06" + _with_size(name, value)
        case str():
            return b"\x07" + _with_size(name, _encodable(value))
        case UUID():
            return b"\x09" + value.bytes
        case _:
            raise EventStreamError(f"the header {name!r} has a value of type {type(value).__name__}")


def _encode_number(name: str, value: int) -> bytes:
    kinds = ((Int8, 2, 1), (Int16, 3, 2), (Int32, 4, 4), (Timestamp, 8, 8), (int, 5, 8))
    kind, width = next((code, width) for cls, code, width in kinds if isinstance(value, cls))
    try:
        return bytes((kind,)) + int(value).to_bytes(width, "big", signed=True)
    except OverflowError:
        raise EventStreamError(f"the value of the header {name!r} does not fit {width * 8} bits") from None


def _with_size(name: str, raw: bytes) -> bytes:
    if len(raw) > _MAX_VALUE:
        raise EventStreamError(f"the value of the header {name!r} is longer than {_MAX_VALUE} bytes")
    return _U16.pack(len(raw)) + raw


def _encodable(text: object) -> bytes:
    if not isinstance(text, str):
        raise EventStreamError(f"a header name must be text, not {type(text).__name__}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise EventStreamError("a header has text that is not Unicode scalar values") from None
