"""Packs of some kilobytes that hold objects of gigabytes (gitformat-pack)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import Final

__all__ = ["BLOB", "COMMIT", "DELTA_BASE", "TREE", "delta_bomb", "pack_of", "zlib_bomb"]

COMMIT: Final = 1
TREE: Final = 2
BLOB: Final = 3
_REF_DELTA: Final = 7
DELTA_BASE: Final = 3 << 20
"""Bytes of the blob that a delta copies."""
_PIECE: Final = 1 << 20


def pack_of(*entries: bytes) -> bytes:
    """A pack with its checksum."""
    body = b"PACK" + struct.pack(">II", 2, len(entries)) + b"".join(entries)
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def zlib_bomb(size: int, kind: int = BLOB) -> bytes:
    """An entry of so many zeros."""
    return _head(kind, size) + _zeros(size)


def delta_bomb(size: int) -> tuple[bytes, bytes]:
    """Two entries: a blob of 3 MiB, and a delta that copies it until it is ``size``."""
    times = size // DELTA_BASE
    name = hashlib.sha1(b"blob %d\0" % DELTA_BASE + bytes(DELTA_BASE), usedforsecurity=False).digest()
    # Copy: offset 0, which needs no byte, and a size of three.
    copy = b"\xf0" + DELTA_BASE.to_bytes(3, "little")
    delta = _number(DELTA_BASE) + _number(times * DELTA_BASE) + copy * times
    return zlib_bomb(DELTA_BASE), _head(_REF_DELTA, len(delta)) + name + zlib.compress(delta, 9)


def _head(kind: int, size: int) -> bytes:
    first, rest = (kind << 4) | (size & 15), size >> 4
    return bytes([first | (0x80 if rest else 0)]) + (_number(rest) if rest else b"")


def _number(value: int) -> bytes:
    return bytes(_septets(value))


def _septets(value: int) -> Iterator[int]:
    while value >= 0x80:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value


def _zeros(size: int) -> bytes:
    packer, pieces = zlib.compressobj(9), list[bytes]()
    for start in range(0, size, _PIECE):
        pieces.append(packer.compress(bytes(min(_PIECE, size - start))))
    return b"".join([*pieces, packer.flush()])
