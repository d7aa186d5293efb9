"""The calendar: parts of a moment, weeks of years and months as ISO 8601 counts them."""

from __future__ import annotations

import math

__all__ = ["DAYS", "DAY", "MONTHS", "Moment", "millis_of"]

DAYS = ("", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
DAY = 86_400_000
_FARTHEST = 8.64e15
"""Milliseconds from the epoch that a date may be away from it, as in JavaScript."""


def _days_from_civil(year: int, month: int, day: int) -> int:
    """Days since the epoch of a date in the Gregorian calendar; ``month`` counts from 0 and may be any
    number."""
    year, month = year + month // 12, month % 12 + 1
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _civil_from_days(days: int) -> tuple[int, int, int]:
    """Year, month from 0 and day of a number of days since the epoch."""
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year + era * 400 + (month <= 2), month - 1, of_year - (153 * shifted + 2) // 5 + 1


def millis_of(parts: list[float]) -> float:
    """Milliseconds of year, month from 0, day, hour, minute, second, millisecond; NaN when one is or it is
    too far.

    A year from 0 to 99 is one of the twentieth century, as in JavaScript.
    """
    if any(not math.isfinite(part) or abs(part) > 1e9 for part in parts):
        return math.nan
    year, month, day, hour, minute, second, milli = (int(part) for part in parts)
    days = _days_from_civil(year + 1900 if 0 <= year <= 99 else year, month, 1) + day - 1
    result = days * DAY + hour * 3_600_000 + minute * 60_000 + second * 1000 + milli
    return result if abs(result) <= _FARTHEST else math.nan


class Moment:
    """A time in milliseconds since the epoch, taken apart in UTC. One that is too far away has no numbers:
    NaN."""

    def __init__(self, millis: float) -> None:
        self._valid = abs(millis) <= _FARTHEST
        if not self._valid:
            millis = 0
        self.millis = int(millis)
        days, self._rest = divmod(self.millis, DAY)
        self.year, self.month, self.day = _civil_from_days(days)
        self._today = days * DAY

    def component(self, name: str) -> float | str | None:  # noqa: PLR0911
        """A part by its letter in pictures; None for those that have no value of their own."""
        if not self._valid:
            return {"P": "am", "C": "ISO", "E": "ISO"}.get(name, math.nan)
        hours = self._rest // 3_600_000
        simple: dict[str, float | str] = {
            "Y": self.year,
            "M": self.month + 1,
            "D": self.day,
            "d": (self._today - _start(self.year, 0)) // DAY + 1,
            "F": _weekday(self._today),
            "H": hours,
            "h": hours % 12 or 12,
            "P": "pm" if hours >= 12 else "am",
            "m": self._rest // 60_000 % 60,
            "s": self._rest // 1000 % 60,
            "f": self._rest % 1000,
            "C": "ISO",
            "E": "ISO",
        }
        if name in simple:
            return simple[name]
        if name == "W":
            return self._week((self.year, 0), (self.year + 1, 0), (self.year - 1, 0), 52)
        if name == "w":
            year, month = self.year, self.month
            return self._week((year, month), _month(year, month + 1), _month(year, month - 1), 4)
        if name == "X":
            return self._owner((self.year, 0), (self.year + 1, 0), (self.year - 1, self.year, self.year + 1))
        if name == "x":
            before, after = (_month(self.year, self.month + step)[1] + 1 for step in (-1, 1))
            following = _month(self.year, self.month + 1)
            return self._owner((self.year, self.month), following, (before, self.month + 1, after))
        return None

    def _week(
        self, this: tuple[int, int], following: tuple[int, int], before: tuple[int, int], most: int
    ) -> int:
        week = (self._today - _first_week(*this)) / (7 * DAY) + 1
        if week > most:
            if self._today >= _first_week(*following):
                week = 1
        elif week < 1:
            week = (self._today - _first_week(*before)) / (7 * DAY) + 1
        return math.floor(week)

    def _owner(self, this: tuple[int, int], following: tuple[int, int], names: tuple[int, int, int]) -> int:
        if self.millis < _first_week(*this):
            return names[0]
        return names[2] if self.millis >= _first_week(*following) else names[1]


def _month(year: int, month: int) -> tuple[int, int]:
    return year + month // 12, month % 12


def _start(year: int, month: int) -> int:
    return _days_from_civil(year + 1900 if 0 <= year <= 99 else year, month, 1) * DAY


def _weekday(millis: int) -> int:
    return (millis // DAY + 3) % 7 + 1


def _first_week(year: int, month: int) -> int:
    """Where the first week begins: a Monday, in the week that has the first Thursday."""
    first = _start(year, month)
    day = _weekday(first)
    return first + (8 - day) * DAY if day > 4 else first - (day - 1) * DAY
