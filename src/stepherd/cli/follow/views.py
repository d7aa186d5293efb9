"""Showing a run's states: a picture with running clocks on a terminal, a line per change elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from stepherd.cli.follow.waiting_text import waiting_line, waiting_parts, waiting_remark
from stepherd.cli.output import Output
from stepherd.cli.terminal.screen import Part, Screen, rows_of
from stepherd.history.logins import Waiting
from stepherd.history.progress import Progress, StateRow
from stepherd.text.durations import seconds_text
from stepherd.text.terminal import clean, cut

__all__ = ["View", "make_view", "picture", "row_parts"]

_MARKS = {"RUNNING": "●", "SUCCEEDED": "✓", "FAILED": "✗", "TIMED_OUT": "✗", "ABORTED": "■", "RETRYING": "↻"}
_PLAIN_MARKS = {
    "RUNNING": "*", "SUCCEEDED": "+", "FAILED": "x", "TIMED_OUT": "x", "ABORTED": "#", "RETRYING": "~",
}  # fmt: skip
_COLOURS = {
    "RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "yellow",
    "RETRYING": "yellow",
}  # fmt: skip
_WORDS = {"FAILED": "failed", "TIMED_OUT": "timed out", "ABORTED": "stopped", "RETRYING": "to be tried again"}
_REPORTED = "RunFailed"
"""The error by which ReportFailure ends when it has done its work: writing the report of a failed run."""


class View(Protocol):
    """Something that shows a run while it goes on."""

    def update(self, progress: Progress, changed: list[StateRow]) -> None:
        """Show what changed."""

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


def _shown_status(row: StateRow, progress: Progress) -> str:
    if row.error == _REPORTED:
        return "SUCCEEDED"
    if row.status in ("FAILED", "TIMED_OUT") and not row.exited and progress.status == "RUNNING":
        return "RETRYING"
    return row.status


def _remark(row: StateRow, status: str) -> str:
    words = [_WORDS[status]] if status in _WORDS else []
    if row.waiting:
        words.append(waiting_remark(row.waiting))
    if row.attempts > 1:
        words.append(f"try {row.attempts}" if status == "RUNNING" else f"{row.attempts} tries")
    return ", ".join(words)


def _mark(status: str) -> str:
    plain = not (sys.stderr.encoding or "").lower().startswith("utf")
    return (_PLAIN_MARKS if plain else _MARKS)[status]


def row_parts(row: StateRow, progress: Progress, now: float, column: int) -> list[Part]:
    """A state as a line: mark, name, time, and what is not ordinary about it."""
    status = _shown_status(row, progress)
    name = cut(clean(row.name), column)
    took = seconds_text(row.seconds(now))
    parts: list[Part] = [(f"  {_mark(status)} ", _COLOURS[status]), (f"{name:<{column}}  {took:>12}", None)]
    remark = _remark(row, status)
    colour = "yellow" if row.waiting else _COLOURS[status]
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
    """A line when a state begins, waits, is tried again, or ends; no line twice."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._said: dict[int, tuple[str, int, Waiting | None]] = {}

    def update(self, progress: Progress, changed: list[StateRow]) -> None:
        for row in changed:
            status = _shown_status(row, progress)
            what = (status, max(1, row.attempts), row.waiting)
            before, self._said[id(row)] = self._said.get(id(row)), what
            # That nobody has to act any more is no news: what comes next is.
            if before != what and (before is None or row.waiting or before[:2] != what[:2]):
                self._line(row, status, progress)

    def _line(self, row: StateRow, status: str, progress: Progress) -> None:
        if row.waiting:
            words = waiting_line(row.waiting, time.time())
            self._output.note(f"{seconds_text(time.time() - progress.started):>12}  {_mark(status)} {words}")
            return
        if status == "RUNNING":
            words = f"try {row.attempts}" if row.attempts > 1 else "started"
        else:
            words = f"{_WORDS.get(status, 'done')} after {seconds_text(row.seconds(row.entered))}"
        at = (row.ended or row.entered) - progress.started
        self._output.note(f"{seconds_text(at):>12}  {_mark(status)} {row.name} {words}")

    def tick(self) -> None:
        """Lines have no clocks."""

    def say(self, words: str) -> None:
        if words.endswith("?"):
            self._output.note(words)

    def announce(self, words: str) -> None:
        self._output.note(words)

    def close(self) -> None:
        """Nothing to close."""


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
