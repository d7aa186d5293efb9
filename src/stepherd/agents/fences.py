"""The fenced blocks of a Markdown text that name a file or hold a patch (CommonMark 4.5)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from stepherd.errors import DataError

__all__ = ["Block", "blocks_of"]

_OPENING: Final = re.compile(r"(?P<indent> {0,3})(?P<fence>`{3,}|~{3,})(?P<info>[^\r\n]*)")
_PATCHES: Final = {"diff", "patch"}


@dataclass(frozen=True, slots=True)
class Block:
    """One thing to do: write ``content`` to ``path``, or apply it as a unified diff."""

    kind: Literal["file", "patch"]
    line: int
    """Where its opening fence stands, from 1."""
    content: str
    path: str = ""


def blocks_of(text: str) -> Iterator[Block]:
    """The blocks in order: ``LANGUAGE file=PATH`` writes a file, ``diff`` is a patch; others are prose.

    Raises DataError for a fence that is not closed or has an unreadable file name.
    """
    lines = text.splitlines(keepends=True)
    index = 0
    while index < len(lines):
        opening = _OPENING.match(lines[index])
        index += 1
        if opening is None or (opening["fence"][0] == "`" and "`" in opening["info"]):
            continue
        end = _closing(lines, index, opening["fence"])
        content = "".join(_without(line, len(opening["indent"])) for line in lines[index:end])
        block = _block_of(opening["info"].strip(), content, index)
        if block is not None:
            yield block
        index = end + 1


def _closing(lines: list[str], start: int, fence: str) -> int:
    closing = re.compile(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}\s*")
    for index in range(start, len(lines)):
        if closing.fullmatch(lines[index]):
            return index
    raise DataError(
        f"The fenced block that starts in line {start} of instructions.md is not closed.",
        remedy=f"Put a line of {fence} at its end.",
    )


def _without(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]


def _block_of(info: str, content: str, line: int) -> Block | None:
    try:
        words = shlex.split(info) if "file=" in info else info.split()
    except ValueError:
        raise DataError(
            f"The fence in line {line} of instructions.md has an unreadable file name.",
            remedy='Write file=path, or file="a path" if it contains spaces.',
        ) from None
    for word in words:
        if word.startswith("file="):
            return Block("file", line, content, word.removeprefix("file="))
    return Block("patch", line, content) if words and words[0].lower() in _PATCHES else None
