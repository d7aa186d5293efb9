"""Checks of a machine and a home: what is in order, what is not, and the command that fixes it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from stepherd.errors import StepherdError

__all__ = ["Check", "Finding", "Status", "examine"]

Status = Literal["ok", "warning", "problem"]
_SECONDS: Final = 8.0


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    name: str
    status: Status
    text: str
    remedy: str = ""
    """The command that fixes it."""

    def to_json(self) -> dict[str, Any]:
        """The finding's fields as ``--json`` prints them; ``remedy`` is None where there is none."""
        return {**asdict(self), "remedy": self.remedy or None}


@dataclass(frozen=True, slots=True)
class Check:
    """A named look at one thing. ``look`` gets the home; what it raises of our errors is a problem."""

    name: str
    look: Callable[[Path], Iterable[Finding]]
    seconds: float = _SECONDS
    """How long it may take; a check that takes longer is a warning, and its result is ignored."""


def examine(checks: Sequence[Check], home: Path) -> list[Finding]:
    """All findings, in the order of the checks, which look at the same time."""
    looks = [_Look(check, home) for check in checks]
    began = time.monotonic()
    return [finding for look in looks for finding in look.findings(began)]


class _Look(threading.Thread):
    """One check under way; it holds up neither the others nor the end of the process."""

    def __init__(self, check: Check, home: Path) -> None:
        super().__init__(daemon=True, name=f"check {check.name}")
        self._check = check
        self._home = home
        self._found: list[Finding] | None = None
        self.start()

    def run(self) -> None:
        try:
            self._found = list(self._check.look(self._home))
        except StepherdError as error:
            self._found = [Finding(self._check.name, "problem", error.message, error.remedy)]
        except OSError as error:
            self._found = [Finding(self._check.name, "problem", f"It cannot be checked: {error}.")]

    def findings(self, began: float) -> list[Finding]:
        """Wait for the check's findings until its time, counted from ``began``, is over; then report that it
        took too long."""
        self.join(max(0.0, began + self._check.seconds - time.monotonic()))
        if self._found is not None:
            return self._found
        words = "The check itself failed." if not self.is_alive() else "No answer"
        limit = f" within {self._check.seconds:g} s." if self.is_alive() else ""
        return [Finding(self._check.name, "warning", f"{words}{limit}")]
