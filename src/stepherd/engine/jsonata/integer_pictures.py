"""Pictures of whole numbers, after XPath's fn:format-integer: digits with groups, letters, Roman, words,
ordinals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.number_words import in_words
from stepherd.engine.jsonata.values import number_text

__all__ = ["IntegerPicture", "format_integer", "integer_picture"]

_ZEROS = (
    0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0,
    0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
)  # fmt: skip
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10,
    "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_KINDS = {
    "A": ("letters", "upper"), "a": ("letters", "lower"), "I": ("roman", "upper"), "i": ("roman", "lower"),
    "W": ("words", "upper"), "Ww": ("words", "title"), "w": ("words", "lower"),
}  # fmt: skip
_MOST_ROMAN = 10_000_000


@dataclass(slots=True)
class IntegerPicture:
    """How a whole number is written. ``kind`` is decimal, letters, roman, words or sequence (not
    supported)."""

    kind: str = "decimal"
    case: str = "lower"
    ordinal: bool = False
    zero: int = 0x30
    mandatory: int = 0
    optional: int = 0
    regular: int = 0
    """Digits of a group, when all groups are alike; else 0."""
    separators: list[tuple[int, str]] = field(default_factory=list)
    """Place from the right, and the character."""
    token: str = ""


def integer_picture(picture: str) -> IntegerPicture:
    """Read a picture; raises D3131 for digits of two scripts."""
    primary, semicolon, modifier = picture.rpartition(";")
    if not semicolon:
        primary, modifier = picture, ""
    ordinal = modifier.startswith("o")
    if primary in _KINDS:
        kind, case = _KINDS[primary]
        return IntegerPicture(kind, case, ordinal)
    return _decimal(primary, ordinal)


def _decimal(primary: str, ordinal: bool) -> IntegerPicture:
    result = IntegerPicture(ordinal=ordinal)
    zero, place = None, 0
    for char in reversed(primary):
        group = next((code for code in _ZEROS if code <= ord(char) <= code + 9), None)
        if group is not None:
            if zero is not None and group != zero:
                raise JsonataError("D3131")
            zero = group
            result.mandatory += 1
            place += 1
        elif char == "#":
            result.optional += 1
            place += 1
        else:
            result.separators.append((place, char))
    if zero is None:
        result.kind, result.token = "sequence", primary
        return result
    result.zero = zero
    result.regular = _regular(result.separators)
    return result


def _regular(separators: list[tuple[int, str]]) -> int:
    if not separators or len({char for _, char in separators}) > 1:
        return 0
    return regular_distance([place for place, _ in separators])


def regular_distance(places: list[int]) -> int:
    """The distance of places that are all multiples of one number, without a gap; else 0."""
    if not places:
        return 0
    factor, known = math.gcd(*places), set(places)
    return factor if all(index * factor in known for index in range(1, len(places) + 1)) else 0


def format_integer(value: float, picture: IntegerPicture) -> str:
    """A whole number by its picture; raises D3130 for a sequence that is not supported."""
    size: Any = abs(value)
    if picture.kind == "sequence":
        raise JsonataError("D3130", value=picture.token)
    if picture.kind == "decimal":
        text = _in_digits(size, picture)
    elif picture.kind == "letters":
        text = _in_letters(size, "A" if picture.case == "upper" else "a")
    elif picture.kind == "roman":
        text = _cased(_in_roman(size), picture.case)
    else:
        text = _cased(in_words(size, ordinal=picture.ordinal), picture.case)
    return f"-{text}" if value < 0 else text


def _cased(text: str, case: str) -> str:
    return text.upper() if case == "upper" else text.lower() if case == "lower" else text


def _in_digits(value: float, picture: IntegerPicture) -> str:
    text = number_text(value).rjust(picture.mandatory, "0")
    if picture.zero != 0x30:
        text = "".join(chr(ord(char) + picture.zero - 0x30) for char in text)
    if picture.regular:
        for index in range((len(text) - 1) // picture.regular, 0, -1):
            at = len(text) - index * picture.regular
            text = _inserted(text, at, picture.separators[0][1])
    else:
        for place, char in reversed(picture.separators):
            text = _inserted(text, len(text) - place, char)
    return text + _ending(text) if picture.ordinal else text


def _inserted(text: str, at: int, char: str) -> str:
    # A place before the begin: the whole text stays behind the separator, as in JavaScript's substr.
    return text[: max(at, 0)] + char + text[at if at >= 0 or -at <= len(text) else 0 :]


def _ending(text: str) -> str:
    if len(text) > 1 and text[-2] == "1":
        return "th"
    return {"1": "st", "2": "nd", "3": "rd"}.get(text[-1:], "th")


def _in_letters(value: float, first: str) -> str:
    letters = ""
    rest = int(value)
    while rest > 0:
        letters = chr((rest - 1) % 26 + ord(first)) + letters
        rest = (rest - 1) // 26
    return letters


def _in_roman(value: float) -> str:
    if value > _MOST_ROMAN:
        raise RecursionError
    text, rest = "", int(value)
    for size, numeral in _ROMAN:
        text += numeral * (rest // size)
        rest %= size
    return text
