"""``stepherd diff``: what a run changed, without a clone or a forge."""

from __future__ import annotations

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.text.enumeration import first_of
from stepherd.text.plain import one_paragraph, visible

__all__ = ["command"]

_COLUMNS = 80
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_SHOWN = 5


@declared(
    "diff",
    examples=("stepherd diff RUN", "stepherd diff RUN --stat", "stepherd diff latest | git apply"),
)
@run_argument
@click.option("--stat", is_flag=True, help="Only a line for each file.")
def command(call: Invocation, run_id: str, stat: bool) -> int:
    """Show what a run changed, against the commit that it began with.

    At a terminal, control characters are shown by their codes; a file or a pipe gets the exact bytes. The
    diff comes from the run's folder: no remote is asked.
    """
    from stepherd.backends.run_diff import show_diff  # for the start-up time of --help

    lines = _Lines(call)
    sink = lines.take if call.output.columns or call.output.as_json else call.output.content
    columns = (call.output.columns or _COLUMNS) if stat else None
    facts = show_diff(call.backend, call.home, run_id, sink, stat=columns)
    lines.end()
    if facts is None:
        call.output.note(f"{run_id} changed nothing.")
    elif facts.left_out:
        named = first_of(facts.left_out, _SHOWN, lambda each: one_paragraph(each, 200), separator="; ")
        call.output.note(f"Not in it, because it is not pushed: {named}.")
    if call.output.as_json:
        base = facts.base_commit if facts else None
        call.output.json({"run_id": run_id, "base_commit": base, "diff": "".join(lines.kept)})
    return 0


class _Lines:
    """Shows a diff that comes in pieces line by line, or keeps it where one object is to be printed."""

    def __init__(self, call: Invocation) -> None:
        self._output = call.output
        self._rest = b""
        self._in_hunk = False
        self.kept: list[str] = []

    def take(self, piece: bytes) -> None:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in whole:
            self._show(line, "\n")

    def end(self) -> None:
        """Show the rest, a line without an end."""
        if self._rest:
            self._show(self._rest, "")

    def _show(self, line: bytes, end: str) -> None:
        text = line.decode("utf-8", "replace")
        if self._output.as_json:
            self.kept.append(text + end)
            return
        head = not text.startswith(("+", "-", " ", "@", "\\"))
        self._in_hunk = text.startswith("@@") or (self._in_hunk and not head)
        colour = _COLOURS.get(text[:1]) if self._in_hunk else None
        self._output.data(visible(text), fg=colour, bold=not self._in_hunk)
