"""The lines that a container prints of a run: progress on standard error, its branch on standard output."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime

from stepherd.client.outcome_text import outcome_lines
from stepherd.client.records import Update
from stepherd.client.report import Report
from stepherd.client.run_text import StateLines
from stepherd.errors import StepherdError
from stepherd.text.terminal import clean, one_line

__all__ = ["Lines", "show", "show_error", "show_outcome"]


def show(line: str) -> None:
    """A line about the run."""
    sys.stderr.write(f"{clean(line)}\n")
    sys.stderr.flush()


def show_error(error: StepherdError) -> int:
    """An error in one line; its exit code."""
    show(f"stepherd: {one_line(str(error))}")
    return error.exit_code


class Lines:
    """The states of a run, a line for each change."""

    def __init__(self) -> None:
        self._lines = StateLines()
        self._started: datetime | None = None

    def show(self, update: Update) -> None:
        """Show the changes of an update."""
        self._started = self._started or update.event.at
        for state in update.states:
            if line := self._lines.line(state, self._started):
                show(line)


class _Plain:
    """Suggests commands as they are: whoever reads a container's log knows where its home was."""

    def command(self, *words: str) -> str:
        return f"stepherd {shlex.join(words)}"

    def advice(self, text: str) -> str:
        return text


def show_outcome(report: Report) -> None:
    """How the run ended; where it succeeded its branch, or its id, goes to standard output."""
    for text, _ in outcome_lines(_Plain(), report.fields):
        show(text)
    if report.succeeded:
        sys.stdout.write(f"{clean(report.branch or report.run_id)}\n")
        sys.stdout.flush()
