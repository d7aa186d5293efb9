"""Showing a run's states: a live table on a terminal, a line per change elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from stepherd.cli.output import Output, clean, seconds_text, style
from stepherd.cli.progress import Progress, StateRow

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

__all__ = ["View", "make_view"]

_MARKS = {"RUNNING": "●", "SUCCEEDED": "✓", "FAILED": "✗", "TIMED_OUT": "✗", "ABORTED": "■"}
_COLOURS = {"RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "yellow"}


class View(Protocol):
    """Something that shows a run while it goes on."""

    def update(self, progress: Progress, changed: list[StateRow]) -> None:
        """Show what changed."""

    def close(self) -> None:
        """Stop drawing, leaving the last picture."""


def make_view(output: Output, run_id: str) -> View:
    """The view that fits where standard error goes."""
    return _LiveView(run_id) if output.live else _LineView(output)


class _LineView:
    """A line when a state begins, is tried again, or ends."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def update(self, progress: Progress, changed: list[StateRow]) -> None:
        for row in changed:
            self._output.styled(_line(row, progress))

    def close(self) -> None:
        """Nothing to close."""


def _line(row: StateRow, progress: Progress) -> str:
    mark = style(_MARKS[row.status], fg=_COLOURS[row.status])
    elapsed = seconds_text(max(0.0, (row.ended or row.entered) - progress.started))
    if row.status == "RUNNING":
        words = f"try {row.attempts}" if row.attempts > 1 else "started"
    else:
        words = f"{row.status.lower().replace('_', ' ')} after {seconds_text(row.seconds(row.entered))}"
    return f"{elapsed:>10}  {mark} {clean(row.name)} {words}"


class _LiveView:
    """A table of the states with running clocks, drawn four times a second."""

    def __init__(self, run_id: str) -> None:
        from rich.console import Console
        from rich.live import Live

        self._run_id = run_id
        self._progress = Progress()
        console = Console(stderr=True, highlight=False)
        self._live: Live = Live(
            console=console,
            get_renderable=self._table,
            refresh_per_second=4,
            transient=False,
            redirect_stdout=False,
        )
        self._live.start()

    def update(self, progress: Progress, changed: list[StateRow]) -> None:  # noqa: ARG002
        self._progress = progress

    def close(self) -> None:
        self._live.stop()

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        now = time.time()
        total = seconds_text((self._progress.ended or now) - (self._progress.started or now))
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        table.add_row(Text(self._run_id, style="bold"), Text(self._progress.status.lower()), Text(total))
        for row in self._progress.rows[-20:]:
            colour = _COLOURS[row.status]
            tries = f"try {row.attempts}" if row.attempts > 1 else ""
            name = Text(f"{_MARKS[row.status]} {clean(row.name)}", style=colour)
            table.add_row(
                name, Text(row.status.lower().replace("_", " ")), Text(seconds_text(row.seconds(now))), tries
            )
        return table
