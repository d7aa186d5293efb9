"""Checks of the arguments that a program gives to the client."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from stepherd.errors import UsageError
from stepherd.history.runs import STATUSES
from stepherd.services.number_text import read_seconds
from stepherd.text.plain import one_paragraph

__all__ = ["check_count", "check_moment", "check_status", "in_seconds"]

_DURATIONS: Final = ("timeout_seconds", "silence_seconds")


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


def check_moment(name: str, moment: object) -> None:
    """Raises UsageError for what is no moment, such as the text ``24h``; None is no limit."""
    if moment is not None and not isinstance(moment, datetime):
        raise UsageError(
            f"{one_paragraph(repr(moment), 60)} is not acceptable as {name}.",
            remedy="Give a datetime, such as datetime.now(UTC) - timedelta(hours=24).",
        )


def in_seconds(fields: Mapping[str, Any]) -> dict[str, Any]:
    """``fields`` of a request with texts such as ``10m`` as seconds; what is no time stays, to be refused."""
    found = dict(fields)
    for name in _DURATIONS:
        if isinstance(found.get(name), str):
            with suppress(ValueError):
                found[name] = read_seconds(found[name])
    return found
