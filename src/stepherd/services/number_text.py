"""Numbers that somebody typed: in flags, variables, metadata and YAML.

Python reads more as a number than anybody means: ``nan`` (with which every comparison is false, so that a
limit is off), ``1e999``, ``1_000``, the digits of other scripts, text of any length. Here a number is decimal
digits that a sum can use: finite by its form, at most fifteen digits before the point, none of them a leading
zero, which elsewhere means octal.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DECIMAL", "WHOLE", "read_number", "read_seconds", "read_whole"]

WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,14})")
"""A whole number of up to 15 digits."""
DECIMAL: Final = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{0,17})?|\.[0-9]{1,17})(?:[eE][-+]?[0-9]{1,2})?"
)
"""A number of up to 15 digits."""

_DURATION: Final = re.compile(
    r"(?=\d)(?:(?P<w>\d{1,6})w)?(?:(?P<d>\d{1,6})d)?(?:(?P<h>\d{1,6})h)?(?:(?P<m>\d{1,6})m)?(?:(?P<s>\d{1,9})s)?",
    re.ASCII,
)
_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}


def read_whole(text: str) -> int:
    """The whole number that ``text`` is. Raises ValueError, which does not quote it."""
    if not WHOLE.fullmatch(text.strip()):
        raise ValueError("not a whole number of at most 15 digits")
    return int(text)


def read_number(text: str) -> float:
    """The number that ``text`` is, always finite. Raises ValueError, which does not quote it."""
    if not DECIMAL.fullmatch(text.strip()):
        raise ValueError("not a number of at most 15 digits")
    return float(text)


def read_seconds(text: str) -> int:
    """The seconds of a duration: ``90``, ``90s``, ``10m``, ``1h30m``. Raises ValueError, which does not quote
    it."""
    given = text.strip()
    found = _DURATION.fullmatch(given)
    if found:
        return sum(int(found[unit]) * seconds for unit, seconds in _SECONDS.items() if found[unit])
    if not WHOLE.fullmatch(given):
        raise ValueError("neither a whole number of seconds nor a time such as 90s, 10m or 1h30m")
    return int(given)
