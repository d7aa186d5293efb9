"""Framing of application/vnd.amazon.eventstream: an incremental decoder and an encoder.

A message is a prelude (total length u32, header length u32, CRC32 of those 8 bytes), a header block, a
payload and the CRC32 of all that comes before it; big endian. The limits are those of the AWS clients: 128
KiB of headers, 24 MiB of payload.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from zlib import crc32

from ._headers import HeaderValue, decode_headers, encode_headers
from .errors import ConfigurationError, EventStreamError, InvalidArgumentError

__all__ = ["EventStreamDecoder", "Message", "encode_message"]

MAX_HEADERS: Final = 128 * 1024
MAX_PAYLOAD: Final = 24 * 1024 * 1024

_PRELUDE: Final = struct.Struct(">III")
_FRAME: Final = struct.Struct(">II")
_CRC: Final = struct.Struct(">I")
_OVERHEAD: Final = 16
_CACHED_BLOCK: Final = 512
_CACHED_BLOCKS: Final = 64
_BIG: Final = 16 * 1024
_SMALL: Final = 1024
"""Up to here a second copy is cheaper than a view."""


class Message(NamedTuple):
    """One message: its headers in wire order (read-only, shared between equal messages) and its payload."""

    headers: Mapping[str, HeaderValue]
    payload: bytes


class EventStreamDecoder:
    """Decodes a stream of messages from chunks of any size.

    Work and memory are linear in the bytes fed: a message that is not complete is kept in one buffer and
    touched again only when its last byte has come. Equal header blocks, the usual case, are parsed once.
    After an EventStreamError the decoder is of no more use and raises the same error again.
    """

    def __init__(self, *, max_headers: int = MAX_HEADERS, max_payload: int = MAX_PAYLOAD) -> None:
        for size in (max_headers, max_payload):
            if not isinstance(size, int) or size < 0:
                raise ConfigurationError("the limits of a decoder are whole numbers of bytes")
        self._max_headers = max_headers
        self._max_payload = max_payload
        self._small = min(_BIG, max_headers, max_payload)
        self._tail = bytearray()
        self._need = _PRELUDE.size
        self._blocks: dict[bytes, Mapping[str, HeaderValue]] = {}
        self._failure: EventStreamError | None = None

    @property
    def pending(self) -> int:
        """How many bytes of a message that is not complete are held."""
        return len(self._tail)

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Take ``chunk`` and return the messages that it completes, in order.

        The iterator must be read to its end before the next call. It raises EventStreamError at the first
        byte that cannot be right, after the messages before it.
        """
        if self._failure is not None:
            raise self._failure
        if not isinstance(chunk, bytes):
            chunk = _as_bytes(chunk)
        if not self._tail:
            return self._drain(chunk)
        self._tail += chunk
        if len(self._tail) < self._need:
            return iter(())
        data = bytes(self._tail)
        self._tail.clear()
        return self._drain(data)

    def finish(self) -> None:
        """Say that no more bytes will come; raise EventStreamError when a message is incomplete."""
        if self._failure is not None:
            raise self._failure
        if self._tail:
            raise EventStreamError(f"the stream ended {len(self._tail)} bytes into a message of {self._need}")

    def _drain(self, data: bytes) -> Iterator[Message]:
        at, size, blocks, unpack = 0, len(data), self._blocks, _PRELUDE.unpack_from
        try:
            while size - at >= 12:
                total, header_size, frame_crc = unpack(data, at)
                if crc32(data[at : at + 8]) != frame_crc:
                    raise EventStreamError("the checksum of a message prelude is wrong")
                # Sizes are judged before waiting for the rest: a wrong length must not stall the stream.
                if total > self._small or total - header_size < _OVERHEAD:
                    self._check_sizes(total, header_size)
                end = at + total
                if end > size:
                    break
                if total > _BIG:
                    message = self._read_big(memoryview(data)[at:end], header_size, frame_crc)
                else:
                    # The checksum of the first eight bytes is known: it is the start of that of the message.
                    body = data[at + 8 : end - 4]
                    if crc32(body, frame_crc) != _CRC.unpack_from(data, end - 4)[0]:
                        raise EventStreamError("the checksum of a message is wrong")
                    block = body[4 : 4 + header_size]
                    message = Message(blocks.get(block) or self._headers(block), body[4 + header_size :])
                at = end
                yield message
        except EventStreamError as error:
            self._failure = error
            raise
        if at < size:
            self._keep(data, at)

    def _check_sizes(self, total: int, header_size: int) -> None:
        payload_size = total - header_size - _OVERHEAD
        if payload_size < 0:
            raise EventStreamError(f"a message of {total} bytes cannot hold {header_size} bytes of headers")
        if header_size > self._max_headers:
            raise EventStreamError(f"a message has {header_size} bytes of headers, over {self._max_headers}")
        if payload_size > self._max_payload:
            raise EventStreamError(f"a message has {payload_size} bytes of payload, over {self._max_payload}")

    def _read_big(self, view: memoryview, header_size: int, frame_crc: int) -> Message:
        """Read one whole message without a second copy of its payload."""
        if crc32(view[8:-4], frame_crc) != _CRC.unpack_from(view, len(view) - 4)[0]:
            raise EventStreamError("the checksum of a message is wrong")
        return Message(self._headers(bytes(view[12 : 12 + header_size])), bytes(view[12 + header_size : -4]))

    def _headers(self, block: bytes) -> Mapping[str, HeaderValue]:
        headers = decode_headers(block)
        if len(block) <= _CACHED_BLOCK and len(self._blocks) < _CACHED_BLOCKS:
            self._blocks[block] = headers
        return headers

    def _keep(self, data: bytes, at: int) -> None:
        """Keep the bytes from ``at`` on, and note how many are needed to go on."""
        tail = self._tail
        tail += data[at:] if len(data) - at <= _SMALL else memoryview(data)[at:]
        self._need = _PRELUDE.unpack_from(tail)[0] if len(tail) >= _PRELUDE.size else _PRELUDE.size


def _as_bytes(chunk: object) -> bytes:
    if not isinstance(chunk, bytearray | memoryview):
        raise InvalidArgumentError(f"a chunk must be bytes, not {type(chunk).__name__}")
    return bytes(chunk)


def encode_message(headers: Mapping[str, HeaderValue], payload: bytes = b"") -> bytes:
    """Encode one message; raise EventStreamError on what the format or the limits do not allow."""
    if not isinstance(headers, Mapping) or not isinstance(payload, bytes | bytearray | memoryview):
        raise EventStreamError("a message is made of a mapping of headers and bytes of payload")
    block = encode_headers(headers)
    if len(block) > MAX_HEADERS or len(payload) > MAX_PAYLOAD:
        raise EventStreamError(
            f"{len(block)} bytes of headers or {len(payload)} of payload are over the limits"
        )
    frame = _FRAME.pack(_OVERHEAD + len(block) + len(payload), len(block))
    body = b"".join((frame, _CRC.pack(crc32(frame)), block, payload))
    return body + _CRC.pack(crc32(body))
