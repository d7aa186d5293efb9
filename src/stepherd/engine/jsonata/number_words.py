"""Whole numbers in English words and back; letters and Roman numerals back to numbers."""

from __future__ import annotations

import math
import re

__all__ = ["WORD_VALUES", "from_letters", "from_roman", "from_words", "in_words"]

_FEW = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
]
_ORDINALS = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
]
_TENS = ["Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety", "Hundred"]
_LARGE = ("Thousand", "Million", "Billion", "Trillion")
_ROMAN = {"M": 1000, "D": 500, "C": 100, "L": 50, "X": 10, "V": 5, "I": 1}


def _values() -> dict[str, float]:
    values: dict[str, float] = {}
    for words in (_FEW, _ORDINALS):
        values.update({word.lower(): index for index, word in enumerate(words)})
    for index, word in enumerate(_TENS):
        lower = word.lower()
        values[lower] = values[lower[:-1] + "ieth"] = (index + 2) * 10
    values["hundredth"] = 100
    for index, word in enumerate(_LARGE):
        values[word.lower()] = values[word.lower() + "th"] = 10 ** (3 * index + 3)
    return values


WORD_VALUES = _values()
"""The value of each number word, in small letters."""


def in_words(value: float, *, ordinal: bool) -> str:
    """A whole number that is not negative, each word with a capital."""
    return _words(value, follows=False, ordinal=ordinal)


def _words(value: float, *, follows: bool, ordinal: bool) -> str:
    if value <= 19:
        return (" and " if follows else "") + (_ORDINALS if ordinal else _FEW)[int(value)]
    if value < 100:
        tens, rest = divmod(int(value), 10)
        text = (" and " if follows else "") + _TENS[tens - 2]
        if rest:
            return f"{text}-{_words(rest, follows=False, ordinal=ordinal)}"
        return text[:-1] + "ieth" if ordinal else text
    if value < 1000:
        many, rest = divmod(int(value), 100)
        text = f"{', ' if follows else ''}{_FEW[many]} Hundred"
        return text + _rest(rest, ordinal=ordinal)
    power = min(int(math.log10(value) // 3), len(_LARGE))
    factor = 10 ** (3 * power)
    mantissa = math.floor(value / factor)
    text = f"{', ' if follows else ''}{_words(mantissa, follows=False, ordinal=False)} {_LARGE[power - 1]}"
    return text + _rest(value - mantissa * factor, ordinal=ordinal)


def _rest(value: float, *, ordinal: bool) -> str:
    if value > 0:
        return _words(value, follows=True, ordinal=ordinal)
    return "th" if ordinal else ""


def from_words(text: str) -> float:
    """The number that words stand for; NaN when one of them is unknown."""
    segments: list[float] = [0.0]
    for word in re.split(r",\s|\sand\s|[\s\\-]", text):
        value = float(WORD_VALUES.get(word, math.nan))  # As in JavaScript; of whole numbers any length.
        if value < 100:
            top = segments.pop()
            if top >= 1000:
                segments.append(top)
                top = 0
            segments.append(top + value)
        else:
            segments.append(segments.pop() * value)
    return sum(segments)


def from_roman(text: str) -> float:
    """The number of a Roman numeral in capitals; NaN for another letter."""
    total: float = 0
    largest = 1
    for char in reversed(text):
        value = _ROMAN.get(char)
        if value is None:
            return math.nan
        if value < largest:
            total -= value
        else:
            largest = value
            total += value
    return total


def from_letters(text: str, first: str) -> float:
    """The number of letters that count a, b, … z, aa."""
    total = 0.0
    for index, char in enumerate(reversed(text)):
        try:
            total += (ord(char) - ord(first) + 1) * math.pow(26, index)
        except OverflowError:
            return math.inf
    return total
