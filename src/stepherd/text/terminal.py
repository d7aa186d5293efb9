"""Text for the columns of a terminal: made inert, measured, cut."""

from __future__ import annotations

import unicodedata

from stepherd.text.plain import plain, without_escapes

__all__ = ["clean", "cut", "one_line", "width"]


def clean(text: str) -> str:
    """``text`` made plain as a terminal would show it: of a line that was written over with carriage returns
    the last state stays."""
    if text.isascii() and text.isprintable():
        return text
    if "\r" in text:
        lines = without_escapes(text).split("\n")
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return plain(text)


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
