"""What a run waits for, in words: beside its state, below it, and as a line."""

from __future__ import annotations

from stepherd.cli.terminal.screen import Part, Whole
from stepherd.history.logins import Waiting
from stepherd.text.terminal import one_line

__all__ = ["waiting_line", "waiting_parts", "waiting_remark"]


def waiting_remark(waiting: Waiting) -> str:
    """Beside the state: who has to act."""
    return "waiting for you" if waiting.kind == "person" else "waiting for its turn"


def waiting_parts(waiting: Waiting, now: float) -> list[list[Part]]:
    """The lines below the state: the address, the code and how long it is good, or who holds the login."""
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


def waiting_line(waiting: Waiting, now: float) -> str:
    """All of it in one line, for a log."""
    if waiting.kind != "person":
        return one_line(waiting.text)
    again = "" if waiting.code == 1 else f" (code {waiting.code}; the one before has ended)"
    left = waiting.remaining(now)
    asked = f"waiting for you: open {waiting.url}, code {waiting.user_code}{again}"
    return one_line(f"{asked}, {left}" if left else asked)
