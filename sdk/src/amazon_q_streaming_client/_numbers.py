"""Numbers from callers: finite, and of a size that the clock and the sockets take."""

from __future__ import annotations

import math

from .errors import ConfigurationError

__all__ = ["counting", "finite", "positive"]


def finite(name: str, value: object) -> float:
    """``value`` when it is a finite number. Raises ConfigurationError for anything else.

    An int that no float can hold counts as infinite: waits and timeouts become floats sooner or later. It is
    not shown, because Python refuses to write out the longest ones.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(f"{name} must be a number, not {type(value).__name__}")
    try:
        held = math.isfinite(value)
    except OverflowError:
        held = False
    if not held:
        raise ConfigurationError(f"{name} must be a finite number")
    return value


def positive(name: str, value: object) -> float:
    """``value`` when it is finite and above 0. Raises ConfigurationError for anything else."""
    number = finite(name, value)
    if number <= 0:
        raise ConfigurationError(f"{name} must be above 0, not {number}")
    return number


def counting(name: str, value: object) -> int:
    """``value`` when it is a whole number above 0. Raises ConfigurationError for anything else."""
    number = positive(name, value)
    if number != int(number):
        raise ConfigurationError(f"{name} must be a whole number, not {number}")
    return int(number)
