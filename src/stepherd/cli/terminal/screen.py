"""A few lines of a terminal that are drawn again in place."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from stepherd.cli.output import coloured, silence
from stepherd.text.terminal import cut, width

__all__ = ["Part", "Screen", "Whole", "rows_of"]

Part = tuple[str, str | None]
"""A piece of a line and its colour; ``dim`` and ``bold`` are taken as colours, too."""


class Whole(list[Part]):
    """A line that is never cut, such as an address: the terminal folds it, and copies it as one."""


def rows_of(line: Sequence[Part], columns: int) -> int:
    """How many rows of a terminal a line takes."""
    return -(-sum(width(text) for text, _ in line) // columns) or 1 if isinstance(line, Whole) else 1


class Screen:
    """Draws on standard error. Every picture replaces the one before, in one write, so nothing flickers."""

    def __init__(self) -> None:
        self._drawn: list[int] = []
        self._coloured = coloured(sys.stderr)

    def size(self) -> tuple[int, int]:
        """Columns and lines to draw in: of lines 24 at most, so that what was there before stays in sight."""
        try:
            columns, lines = os.get_terminal_size(2)
        except OSError:
            columns, lines = 80, 24
        return max(20, columns or 80), max(5, min(lines or 24, 24))

    def draw(self, picture: Sequence[Sequence[Part]]) -> None:
        """Show a picture in place of the last one; lines that are too long are cut, but for whole ones."""
        columns, _ = self.size()
        lines = [
            _ending_within(line, columns) if isinstance(line, Whole) else _fit(line, columns - 1)
            for line in picture
        ]
        shown = "".join(f"{self._painted(line)}\x1b[K\n" for line in lines)
        self._write(f"{self._back(columns)}{shown}\x1b[J")
        self._drawn = [sum(width(text) for text, _ in line) for line in lines]

    def forget(self) -> None:
        """Take the last picture away: what is written next stands in its place."""
        columns, _ = self.size()
        self._write(f"{self._back(columns)}\x1b[J")
        self._drawn = []

    def _back(self, columns: int) -> str:
        """To the first line of the last picture, which a narrower terminal may have folded."""
        rows = sum(max(1, -(-length // columns)) for length in self._drawn)
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _painted(self, line: Sequence[Part]) -> str:
        if not self._coloured:
            return "".join(text for text, _ in line)
        return "".join(_paint(text, colour) for text, colour in line)

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            silence(sys.stderr)


def _fit(line: Sequence[Part], columns: int) -> list[Part]:
    fitted: list[Part] = []
    for text, colour in line:
        text = cut(text, columns)  # noqa: PLW2901
        columns -= width(text)
        if text:
            fitted.append((text, colour))
        if columns <= 0:
            break
    return fitted


def _ending_within(line: Whole, columns: int) -> list[Part]:
    """Where a line fills its last row, what erases the rest of that row would erase its last character."""
    fills = sum(width(text) for text, _ in line) % columns == 0
    return [*line, (" ", None)] if fills else list(line)


def _paint(text: str, colour: str | None) -> str:
    if colour in ("dim", "bold"):
        return click.style(text, **{colour: True})
    return click.style(text, fg=colour) if colour else text
