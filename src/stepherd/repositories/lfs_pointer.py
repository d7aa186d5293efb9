"""Pointers: git stores one for each file whose content is in Git LFS, with its digest and size (git-lfs,
docs/spec.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["LARGEST_POINTER", "LfsRefused", "Pointer", "read_pointer"]

LARGEST_POINTER: Final = 1024
"""Bytes; the specification's limit."""
_VERSION: Final = "https://git-lfs.github.com/spec/v1"
_VERSIONS: Final = (_VERSION, "https://hawser.github.com/spec/v1", "http://git-media.io/v/2")
_LINE: Final = re.compile(r"[a-z0-9.-]+ [^\n]+")
_OID: Final = re.compile(r"sha256:([0-9a-f]{64})")


class LfsRefused(Exception):
    """Where contents are kept, this one will not be; the text ends a sentence that begins with the server."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """SHA-256 of the content in hexadecimal digits, and its bytes."""

    oid: str
    size: int

    def __str__(self) -> str:
        """The pointer as git-lfs writes it."""
        return f"version {_VERSION}\noid sha256:{self.oid}\nsize {self.size}\n"


def read_pointer(text: str) -> Pointer | None:
    """The pointer that ``text`` is; None for any other text. Lines of extensions are left alone."""
    if len(text) >= LARGEST_POINTER:
        return None
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if not all(_LINE.fullmatch(line) for line in lines):
        return None
    values = dict(line.split(" ", 1) for line in lines)
    oid, size = _OID.fullmatch(values.get("oid", "")), values.get("size", "")
    is_first = lines[0].startswith("version ") and values["version"] in _VERSIONS
    if not is_first or oid is None or not (size.isascii() and size.isdigit()):
        return None
    return Pointer(oid[1], int(size))
