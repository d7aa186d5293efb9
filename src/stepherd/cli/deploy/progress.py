"""A stack's resources as they come and go: a live picture at a terminal, a line for each elsewhere."""

from __future__ import annotations

import time

from stepherd.cli.output import Output
from stepherd.cli.terminal.screen import Part, Screen
from stepherd.cloud.stack_events import Change
from stepherd.text.durations import seconds_text
from stepherd.text.terminal import one_line

__all__ = ["StackProgress"]

_MOST_SHOWN = 12
_WIDTH = 18


class StackProgress:
    """Shows the changes that a Deployer reports of one stack. Called with None, it only draws again."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._screen = Screen() if output.live else None
        self._begun = time.monotonic()
        self._at_work: dict[str, Change] = {}
        self._done = 0

    def __call__(self, change: Change | None) -> None:
        if change is not None:
            self._take(change)
        if self._screen:
            self._screen.draw(self._picture())

    def end(self) -> None:
        """Take the picture away: whatever is written next stands in its place."""
        if self._screen:
            self._screen.forget()
        self._at_work.clear()
        self._done = 0
        self._begun = time.monotonic()

    def _take(self, change: Change) -> None:
        if not change.over:
            if not change.of_stack:
                self._at_work[change.resource] = change
            return
        self._at_work.pop(change.resource, None)
        self._done += not change.of_stack
        failed = change.status.endswith("_FAILED")
        if failed or not self._screen:
            self._say(change, failed=failed)

    def _say(self, change: Change, *, failed: bool) -> None:
        if self._screen:
            self._screen.forget()
        why = f"  {one_line(change.reason)}" if failed and change.reason else ""
        line = f"  {change.status:<{_WIDTH}}  {change.resource}  {change.kind}{why}"
        self._output.note(line, fg="red" if failed else None)

    def _picture(self) -> list[list[Part]]:
        passed = seconds_text(time.monotonic() - self._begun)
        head: list[Part] = [
            (f"  {self._done} done, {len(self._at_work)} under way", "bold"),
            (f"  {passed}", "dim"),
        ]
        shown = list(self._at_work.values())[-_MOST_SHOWN:]
        return [head, *([(f"  {c.status:<{_WIDTH}}  ", "cyan"), (c.resource, None)] for c in shown)]
