"""Texts from outside, made fit for error messages, logs and terminals."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["one_line", "printable"]

_UNSEEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
"""Control characters, line ends, marks that turn the direction of text, halves of characters."""


def one_line(text: str, limit: int = 2000) -> str:
    """Return ``text`` as one line of at most ``limit`` characters that obeys nobody's control sequences."""
    line = _UNSEEN.sub(" ", text[: limit * 4]).strip()
    return line if len(line) <= limit else line[:limit] + "…"


def printable(data: bytes, limit: int = 200) -> str:
    """The same for the start of a body."""
    return one_line(data[: limit * 4].decode("utf-8", "replace"), limit)
