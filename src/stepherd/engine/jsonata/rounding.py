"""Rounding half to even in decimal, as ``$round`` and ``$formatNumber`` do it."""

from __future__ import annotations

import math

from stepherd.engine.jsonata.values import number_text

__all__ = ["round_half_even"]


def round_half_even(value: float, precision: float = 0) -> float | int:
    """A number with so many places behind the point, or before it when negative; halves go to the even
    digit."""
    shifted = _shifted(value, precision) if precision else value
    if not math.isfinite(shifted):
        return shifted if not precision else _shifted(shifted, -precision)
    result: float = math.floor(shifted + 0.5) if abs(shifted) < 2**52 else shifted
    if result - shifted > 0.5:
        result -= 1
    if abs(result - shifted) == 0.5 and math.fmod(result, 2) != 0:
        result -= 1
    if precision:
        result = _shifted(result, -precision)
    return int(result) if float(result).is_integer() and abs(result) < 2**53 else result


def _shifted(value: float, places: float) -> float:
    """A number times a power of ten, by its text, so that no binary fraction comes in."""
    mantissa, _, exponent = number_text(value).partition("e")
    try:
        return float(f"{mantissa}e{int(exponent or 0) + int(places)}") if places == int(places) else math.nan
    except (ValueError, OverflowError):
        return math.nan
