"""Text for the columns of a terminal: made inert, measured, cut."""

from __future__ import annotations

import re
import unicodedata

from stepherd.text.plain import plain, without_escapes

__all__ = ["clean", "cut", "one_line", "width", "wrapped"]

_UNBROKEN = re.compile(
    r"'[^']+'"  # what is quoted
    r"|(?<=: )(?:stepherd|git|aws|podman|docker|chmod|pip|npm|sudo|ssh-keygen|export) "  # a command,
    r".*?(?=, or |$)"  # as far as another way follows
    r"|\S+"
)
"""Pieces of a line that are never parted: words, what is quoted, and a command, to the end of the line or as
far as another way follows."""


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


def wrapped(text: str, columns: int, hang: int) -> str:
    """``text`` in lines of at most so many columns, parted between words; all but the first begin with
    ``hang`` spaces. A path, a quotation or a command stays whole, however long it is: it is to be copied."""
    if width(text) <= columns or columns - hang < 20:
        return text
    start = len(text) - len(text.lstrip())
    lines, line = [], text[:start]
    for space, piece in _pieces(text[start:]):
        before = width(line) + len(space)
        if line.strip() and before > hang and before + width(piece) > columns:
            lines.append(line)
            line, space = " " * hang, ""  # noqa: PLW2901
        line += space + piece
    return "\n".join([*lines, line])


def _pieces(text: str) -> list[tuple[str, str]]:
    """Each piece, and the space before it."""
    pieces: list[tuple[str, str]] = []
    end = 0
    for found in _UNBROKEN.finditer(text):
        glued = found.start() == end and pieces
        if glued:  # Such as the full stop behind a quotation.
            space, piece = pieces.pop()
            pieces.append((space, piece + found[0]))
        else:
            pieces.append((text[end : found.start()], found[0]))
        end = found.end()
    return pieces
