"""Runs and their states in words: one vocabulary for everything that a person reads."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from stepherd.history.logins import Waiting
from stepherd.text.durations import seconds_text
from stepherd.text.terminal import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from stepherd.client.records import State

__all__ = [
    "INTERRUPTED",
    "StateLines",
    "status_colour",
    "status_mark",
    "status_text",
    "waiting_line",
    "waiting_remark",
]

INTERRUPTED = "INTERRUPTED"
"""Of a run that is running by its history, and that nothing carries: no status of Step Functions."""
_MARKS = {"RUNNING": "●", "SUCCEEDED": "✓", "FAILED": "✗", "TIMED_OUT": "✗", "ABORTED": "■", "RETRYING": "↻"}
_PLAIN_MARKS = {
    "RUNNING": "*", "SUCCEEDED": "+", "FAILED": "x", "TIMED_OUT": "x", "ABORTED": "#", "RETRYING": "~",
}  # fmt: skip
_COLOURS = {
    "RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "yellow",
    "RETRYING": "yellow", INTERRUPTED: "yellow",
}  # fmt: skip
_WORDS = {
    "RUNNING": "running", "SUCCEEDED": "succeeded", "FAILED": "failed", "TIMED_OUT": "timed out",
    "ABORTED": "stopped", "RETRYING": "to be tried again",
}  # fmt: skip


def status_text(status: str) -> str:
    """A status of Step Functions, of a run or a state, as people read it."""
    return _WORDS.get(status, status.lower().replace("_", " "))


def status_colour(status: str) -> str:
    """Its colour at a terminal."""
    return _COLOURS.get(status, "red")


def status_mark(status: str) -> str:
    """Its sign, of those that standard error can show."""
    plain = not (sys.stderr.encoding or "").lower().startswith("utf")
    return (_PLAIN_MARKS if plain else _MARKS)[status]


def waiting_remark(waiting: Waiting) -> str:
    """Beside the state: the person or run that has to act."""
    return "waiting for you" if waiting.kind == "person" else "waiting for its turn"


def waiting_line(waiting: Waiting, now: float) -> str:
    """All of it in one line, for a log."""
    if waiting.kind != "person":
        return one_line(waiting.text)
    again = "" if waiting.code == 1 else f" (code {waiting.code}; the previous one has expired)"
    left = waiting.remaining(now)
    asked = f"waiting for you: open {waiting.url}, code {waiting.user_code}{again}"
    return one_line(f"{asked}, {left}" if left else asked)


class StateLines:
    """A line when a state begins, waits, is tried again, or ends; no line twice."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, datetime], tuple[str, int, Waiting | None]] = {}

    def line(self, state: State, started: datetime) -> str | None:
        """The line that tells of a state's change, in a run that began at ``started``; None for no news."""
        what = (state.status, state.attempts, state.waiting_for)
        key = (state.name, state.entered)
        before, self._said[key] = self._said.get(key), what
        # That no one has to act any more is no news: the next event is.
        if before == what or not (before is None or state.waiting_for or before[:2] != what[:2]):
            return None
        return _state_line(state, started)


def _state_line(state: State, started: datetime) -> str:
    if state.waiting_for:
        now = time.time()
        words, at = waiting_line(state.waiting_for, now), now - started.timestamp()
    elif state.status == "RUNNING":
        words = f"{state.name} try {state.attempts}" if state.attempts > 1 else f"{state.name} started"
        at = ((state.ended or state.entered) - started).total_seconds()
    else:
        words = f"{state.name} {status_text(state.status)} after {seconds_text(state.seconds)}"
        at = ((state.ended or state.entered) - started).total_seconds()
    return f"{seconds_text(at):>12}  {status_mark(state.status)} {words}"
