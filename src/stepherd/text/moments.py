"""Moments, for reading by people and by programs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from stepherd.text.durations import seconds_text

__all__ = ["iso_text", "now", "seconds_between", "until_text", "utc_text"]

_Precision: TypeAlias = Literal["seconds", "milliseconds", "auto"]


def iso_text(moment: datetime, precision: _Precision = "milliseconds") -> str:
    """``2026-11-21T16:21:03.250Z``: ISO 8601, UTC; ``auto`` has as many digits as there are.

    A moment without a time zone is one of this machine's.
    """
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def now() -> str:
    """This moment as ISO 8601, UTC, with milliseconds."""
    return iso_text(datetime.now(UTC))


def utc_text(moment: str) -> str:
    """An ISO 8601 moment in the form of ``iso_text``."""
    return iso_text(datetime.fromisoformat(moment))


def seconds_between(started: str, finished: str) -> float:
    """The seconds between two ISO 8601 times, rounded to milliseconds."""
    return round((datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds(), 3)


def until_text(moment: datetime | str, now: float | None = None) -> str:
    """``2026-11-21 16:21:03 UTC (in 52 min 10 s)``, or ``(12 s ago)``; what is no moment as it stands."""
    if isinstance(moment, str):
        return _parsed(moment, now)
    seconds = moment.timestamp() - (time.time() if now is None else now)
    distance = f"in {seconds_text(seconds)}" if seconds > 0 else f"{seconds_text(-seconds)} ago"
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC ({distance})"


def _parsed(text: str, now: float | None) -> str:
    try:
        return until_text(datetime.fromisoformat(text), now)
    except ValueError:
        return text
