"""Moments for reading."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from stepherd.text.durations import seconds_text

__all__ = ["until_text"]


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
