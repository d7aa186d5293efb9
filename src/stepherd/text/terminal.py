"""Text that others wrote, made harmless for a terminal."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean", "cut", "one_line", "width"]

_SEQUENCES = re.compile(
    # Colours and cursor moves.
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    # Strings: titles, links, the clipboard.
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_INVISIBLE = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")


def clean(text: str) -> str:
    """``text`` without escape sequences, control characters, direction marks and invisible characters.

    Line ends and tabs stay. Of a line that was written over with carriage returns the last state stays.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _SEQUENCES.sub("", text)
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _INVISIBLE.sub("", _CONTROLS.sub("", text))


def one_line(text: str) -> str:
    """``clean`` text with its lines joined."""
    return " ".join(clean(text).split())


def width(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def cut(text: str, columns: int) -> str:
    """``text`` in at most so many columns, with an ellipsis where something was left out."""
    if width(text) <= columns:
        return text
    while text and width(text) > columns - 1:
        text = text[:-1]
    return f"{text}…"
