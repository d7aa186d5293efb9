"""Headers of tar entries (tar(5): the GNU dialect is written; that, ustar and pax are read).

The standard library's tarfile spends some hundred microseconds on an entry and copies through small buffers;
a workspace has tens of thousands of entries. Only what a workspace holds exists here: folders, files, links.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from stepherd.errors import DataError

__all__ = ["BLOCK", "Entry", "Kind", "decode_header", "encode_header", "padding", "read_pax"]

BLOCK: Final = 512
Kind = Literal["file", "folder", "link", "long name", "long target", "pax", "pax for all", "other"]
_KINDS: Final[dict[bytes, Kind]] = {
    b"0": "file",
    b"\0": "file",
    b"5": "folder",
    b"2": "link",
    b"L": "long name",
    b"K": "long target",
    b"x": "pax",
    b"g": "pax for all",
}
_TYPES: Final = {"file": b"0", "folder": b"5", "link": b"2", "long name": b"L", "long target": b"K"}
_SHORT: Final = 100
_OCTAL_MOST: Final = 8**11 - 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``name`` and ``target`` (of a link) are raw; ``size`` in bytes, ``mtime`` in seconds."""

    kind: Kind
    name: bytes
    mode: int
    size: int
    mtime: int
    target: bytes = b""
    flag: bytes = b""


def encode_header(entry: Entry) -> bytes:
    """The header blocks of ``entry``, with extra blocks for a name or target above 100 bytes."""
    extra = b""
    if len(entry.target) > _SHORT:
        extra += _encode_long("long target", entry.target)
    if len(entry.name) > _SHORT:
        extra += _encode_long("long name", entry.name)
    return extra + _encode_block(entry)


def decode_header(block: bytes) -> Entry | None:
    """The entry of one header block; None for the zero block at the end. DataError when it is no header."""
    if len(block) != BLOCK:
        raise DataError("The archive ends in the middle of an entry.")
    if block[0] == 0 and not any(block):
        return None
    try:
        stated = int(block[148:156].strip(b" \0") or b"0", 8)
        if stated != sum(block[:148]) + sum(block[156:]) + 8 * 0x20:
            raise ValueError("checksum")
        kind = _KINDS.get(block[156:157], "other")
        name = block[:100].split(b"\0", 1)[0]
        if block[257:263] == b"ustar\0" and (prefix := block[345:500].split(b"\0", 1)[0]):
            name = prefix + b"/" + name
        return Entry(
            kind,
            name,
            _number(block[100:108]) & 0o7777,
            _number(block[124:136]),
            _number(block[136:148]),
            block[157:257].split(b"\0", 1)[0],
            block[156:157],
        )
    except ValueError:
        raise DataError("The archive has an invalid header.") from None


def read_pax(body: bytes) -> dict[bytes, bytes]:
    """The records of a pax header: ``length key=value\\n`` each."""
    records: dict[bytes, bytes] = {}
    while body:
        digits, _, _ = body.partition(b" ")
        if not digits.isdigit() or not len(digits) + 1 < int(digits) <= len(body):
            raise DataError("The archive has an extended header that cannot be read.")
        record, body = body[len(digits) + 1 : int(digits)], body[int(digits) :]
        key, _, value = record.removesuffix(b"\n").partition(b"=")
        records[key] = value
    return records


def padding(size: int) -> int:
    """How many bytes fill ``size`` up to whole blocks."""
    return -size % BLOCK


def _encode_long(kind: Kind, text: bytes) -> bytes:
    body = text + b"\0"
    head = _encode_block(Entry(kind, b"././@LongLink", 0o644, len(body), 0))
    return head + body + bytes(padding(len(body)))


def _encode_block(entry: Entry) -> bytes:
    size = b"%011o\0" % entry.size if entry.size <= _OCTAL_MOST else b"\x80" + entry.size.to_bytes(11, "big")
    head = b"".join(
        (
            entry.name[:_SHORT].ljust(_SHORT, b"\0"),
            b"%07o\0" % entry.mode,
            b"0000000\0" * 2,
            size,
            b"%011o\0" % min(max(entry.mtime, 0), _OCTAL_MOST),
        )
    )
    tail = b"".join((_TYPES[entry.kind], entry.target[:_SHORT].ljust(_SHORT, b"\0"), b"ustar  \0"))
    checksum = sum(head) + sum(tail) + 8 * 0x20
    return (head + b"%06o\0 " % checksum + tail).ljust(BLOCK, b"\0")


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        value = int.from_bytes(field[1:], "big")
        if field[0] != 0x80:
            raise ValueError("negative number")
        return value
    return int(field.strip(b" \0") or b"0", 8)
