"""The head of instructions.md, between two lines of three dashes, parted from the text below it."""

from __future__ import annotations

from typing import Final

from stepherd.errors import DataError

__all__ = ["InvalidFrontMatter", "body_of", "head_and_body"]

_MARK: Final = "---"
_REMEDY: Final = "Close the settings at its top with a line of '---'."


class InvalidFrontMatter(DataError):
    """The head of instructions.md, or a file of settings, cannot be read; trying again does not help."""


def head_and_body(text: str, *, remedy: str = _REMEDY) -> tuple[str | None, str]:
    """The lines between the marks, and the text below them. Without a first line of ``---``: None and all.

    Nothing of the head is parsed. Raises InvalidFrontMatter with that ``remedy`` for a head without an end.
    """
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].rstrip() != _MARK:
        return None, text
    for index, line in enumerate(lines[1:], start=1):
        if line.rstrip() == _MARK:
            return "".join(lines[1:index]), "".join(lines[index + 1 :])
    raise InvalidFrontMatter(
        "The front matter of instructions.md has no closing line of '---'.", remedy=remedy
    )


def body_of(text: str) -> str:
    """The text below the head: what an agent is given. Raises InvalidFrontMatter as ``head_and_body``."""
    return head_and_body(text)[1]
