"""The reason why a run waits, as lines below its state in the live view."""

from __future__ import annotations

from stepherd.cli.terminal.screen import Part, Whole
from stepherd.history.logins import Waiting
from stepherd.text.terminal import one_line

__all__ = ["waiting_parts"]


def waiting_parts(waiting: Waiting, now: float) -> list[list[Part]]:
    """The lines below the state: the address, the code and its time left, or the run that holds the login."""
    if waiting.kind != "person":
        return [Whole([("      ", None), (one_line(waiting.text), "yellow")])]
    left: list[Part] = [(f"  {words}", "yellow")] if (words := waiting.remaining(now)) else []
    return [
        Whole([("      open  ", "dim"), (one_line(waiting.url), "bold")]),
        Whole(
            [
                ("      code  ", "dim"),
                (one_line(waiting.user_code), "bold"),
                *left,
            ]
        ),
    ]
