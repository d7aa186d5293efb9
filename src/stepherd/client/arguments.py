"""Checks of the arguments that a program gives to the client."""

from __future__ import annotations

from stepherd.errors import UsageError
from stepherd.history.runs import STATUSES
from stepherd.text.plain import one_paragraph

__all__ = ["check_count", "check_status"]


def check_status(status: str | None) -> None:
    """Raises UsageError for a status that no run can have; None is every status."""
    if status is not None and status.upper() not in STATUSES:
        raise UsageError(
            f"No run has the status '{one_paragraph(status, 60)}'.",
            remedy=f"The statuses are {', '.join(STATUSES)}.",
        )


def check_count(name: str, count: int | None) -> None:
    """Raises UsageError for a number below 0 of what is to be given back; None is all."""
    if count is not None and count < 0:
        raise UsageError(f"{count} is not acceptable as {name}.", remedy="Give 0 or more.")
