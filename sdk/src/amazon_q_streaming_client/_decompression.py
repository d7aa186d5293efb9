"""Compressed bodies, decompressed in pieces of a bounded size.

A few kilobytes can hold gigabytes. The HTTP library gives out all that a chunk holds at once; here whoever
reads takes one piece after another, and may stop.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from .errors import ProtocolError

__all__ = ["ACCEPTED", "Pieces", "pieces_of"]

ACCEPTED: Final = "gzip, deflate"
"""What a request may say that it accepts."""
_PIECE: Final = 64 * 1024
_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_ANY_HEADER: Final = 32
"""For zlib: the data begins with a header of gzip or of zlib; servers take one for the other."""
_GZIP: Final = 0x1F
_ZLIB: Final = 0x08

Pieces = Callable[[bytes], Iterator[bytes] | tuple[bytes, ...]]


def pieces_of(encoding: str) -> Pieces:
    """Return what gives the pieces of a body for each of its chunks.

    Raises ProtocolError for an encoding that was not asked for, several in one among them; so does what is
    returned, for data that is not of the encoding.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return _as_they_are
    if name not in _COMPRESSED:
        raise ProtocolError(f"the body has the encoding {name[:80]!r}, which was not asked for")
    return _Inflater().pieces


def _as_they_are(chunk: bytes) -> tuple[bytes, ...]:
    return (chunk,)


class _Inflater:
    """Decompresses a body of one or more members."""

    def __init__(self) -> None:
        self._member: Any = None

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        data = chunk
        while data:
            self._member = self._member or zlib.decompressobj(_window(data[0]))
            try:
                piece = self._member.decompress(data, _PIECE)
            except zlib.error as error:
                raise ProtocolError(f"the body cannot be decompressed: {error}") from None
            data = self._member.unconsumed_tail
            if self._member.eof:
                data, self._member = self._member.unused_data, None
            if piece:
                yield piece


def _window(first: int) -> int:
    """Tell gzip and zlib from deflate without a header, which some servers send, by the first byte."""
    has_header = first == _GZIP or first & 0x0F == _ZLIB
    return zlib.MAX_WBITS | _ANY_HEADER if has_header else -zlib.MAX_WBITS
