"""Showing a run's states: a picture with running clocks on a terminal, a line per change elsewhere."""

from __future__ import annotations

import time
from typing import Protocol

from stepherd.cli.follow.waiting_text import waiting_parts
from stepherd.cli.output import Output
from stepherd.cli.terminal.screen import Part, Screen, rows_of
from stepherd.client.records import State, moment
from stepherd.client.run_text import (
    StateLines,
    status_colour,
    status_mark,
    status_text,
    waiting_remark,
)
from stepherd.history.progress import Progress, StateRow
from stepherd.text.durations import seconds_text
from stepherd.text.terminal import clean, cut

__all__ = ["View", "make_view", "picture", "row_parts"]


class View(Protocol):
    """Something that shows a run while it runs."""

    def update(self, progress: Progress, changed: list[StateRow]) -> None:
        """Show the rows that have changed."""

    def tick(self) -> None:
        """Let the clocks run on."""

    def say(self, words: str) -> None:
        """Show what the person in front of it may do, or what is waited for."""

    def announce(self, words: str) -> None:
        """Say something once that stays to be read."""

    def close(self) -> None:
        """Stop drawing, leaving the last picture."""


def make_view(output: Output) -> View:
    """The view that fits where standard error goes."""
    return _LiveView(output) if output.live else _LineView(output)


def _remark(row: StateRow, status: str) -> str:
    words = [] if status in ("RUNNING", "SUCCEEDED") else [status_text(status)]
    if row.waiting:
        words.append(waiting_remark(row.waiting))
    if row.attempts > 1:
        words.append(f"try {row.attempts}" if status == "RUNNING" else f"{row.attempts} tries")
    return ", ".join(words)


def row_parts(row: StateRow, progress: Progress, now: float, column: int) -> list[Part]:
    """A state as a line: mark, name, time, and what is not ordinary about it."""
    status = State.of(row, progress.status).status
    name = cut(clean(row.name), column)
    took = seconds_text(row.seconds(now))
    parts: list[Part] = [
        (f"  {status_mark(status)} ", status_colour(status)),
        (f"{name:<{column}}  {took:>12}", None),
    ]
    remark = _remark(row, status)
    colour = "yellow" if row.waiting else status_colour(status)
    return [*parts, (f"  {remark}", colour)] if remark else parts


def picture(progress: Progress, now: float, size: tuple[int, int], words: str) -> list[list[Part]]:
    """The whole live view: as many states as fit, the last ones, and a line of words with the run's clock."""
    columns, lines = size
    rows = progress.rows[-max(1, lines - 4) :]
    column = min(max((len(row.name) for row in rows), default=0), max(8, columns - 30))
    blocks = [
        [row_parts(row, progress, now, column), *(waiting_parts(row.waiting, now) if row.waiting else ())]
        for row in rows
    ]
    fitting = _fitting(blocks, columns, max(1, lines - 4))
    left_out = len(progress.rows) - len(fitting)
    shown = [line for block in fitting for line in block]
    if left_out:
        shown.insert(0, [(f"  … {left_out} before", "dim")])
    if words:
        shown.append([(f"  {seconds_text(progress.seconds(now))}. {words}", "dim")])
    return shown


def _fitting(blocks: list[list[list[Part]]], columns: int, room: int) -> list[list[list[Part]]]:
    """The last blocks of lines, as many as there is room for; the very last one in any case."""
    fitting: list[list[list[Part]]] = []
    for block in reversed(blocks):
        room -= sum(rows_of(line, columns) for line in block)
        if room < 0 and fitting:
            break
        fitting.insert(0, block)
    return fitting


class _LineView:
    """A line for each change of a state."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lines = StateLines()

    def update(self, progress: Progress, changed: list[StateRow]) -> None:
        for row in changed:
            if line := self._lines.line(State.of(row, progress.status), moment(progress.began(row))):
                self._output.note(line)

    def tick(self) -> None:
        """Lines have no clocks."""

    def say(self, words: str) -> None:
        if words.endswith("?"):
            self._output.note(words)

    def announce(self, words: str) -> None:
        self._output.note(words)

    def close(self) -> None:
        """There is nothing to close."""


class _LiveView:
    """All states with running clocks."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._progress = Progress()
        self._words = ""
        self._screen = Screen()
        self._open = True

    def update(self, progress: Progress, changed: list[StateRow]) -> None:  # noqa: ARG002
        self._progress = progress
        self.tick()

    def tick(self) -> None:
        if self._open:
            self._screen.draw(picture(self._progress, time.time(), self._screen.size(), self._words))

    def say(self, words: str) -> None:
        self._words = words
        self.tick()

    def announce(self, words: str) -> None:
        self._screen.forget()
        self._output.note(words)
        self.tick()

    def close(self) -> None:
        if self._open:
            self.say("")
            self._open = False
