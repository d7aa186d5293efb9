"""Reading dates and times: by a picture, or in ISO 8601 as JavaScript takes it. And whole numbers by a
picture."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from stepherd.engine.jsonata.calendar import DAY, DAYS, MONTHS, Moment, millis_of
from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.integer_pictures import IntegerPicture, integer_picture
from stepherd.engine.jsonata.moments import Marker, leading_integer, moment_picture
from stepherd.engine.jsonata.number_words import WORD_VALUES, from_letters, from_roman, from_words
from stepherd.engine.jsonata.regex import Regex, compile_regex
from stepherd.engine.jsonata.scope import Run

__all__ = ["parse_integer", "parse_iso", "parse_moment"]

_Parse = Callable[[str], float]
_ISO_SHAPE = re.compile(
    r"[0-9]{4}(-[01][0-9])*(-[0-3][0-9])*(T[0-2][0-9]:[0-5][0-9]:[0-5][0-9])*(\.[0-9]+)?([+-][0-2][0-9]:?[0-5][0-9]|Z)?"
)
_ISO = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?"
    r"(?:T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DATE_SETS = ((0b10100001, 0b10000010, "YD"), (0b01010100, 0, "XxwF"), (0b01001000, 0, "XWF"))
_LONGEST = 1000
"""Characters of a timestamp in ISO 8601; none is longer."""


class _Part(NamedTuple):
    pattern: str
    component: str = ""
    parse: _Parse | None = None


def parse_integer(text: str, picture: str) -> float:
    """The number that a text stands for; NaN for none."""
    parse = _integer_part(integer_picture(picture), -1).parse
    assert parse is not None
    return parse(text)


def parse_iso(text: str) -> float:
    """Milliseconds of an ISO 8601 timestamp; D3110 for what is not one, NaN for a day that there is not."""
    if len(text) > _LONGEST or _ISO_SHAPE.fullmatch(text) is None:
        raise JsonataError("D3110", value=text)
    match = _ISO.fullmatch(text)
    if match is None:
        return math.nan
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups()[:6])
    fraction = int((match[7] or "0")[:3].ljust(3, "0"))
    if not 1 <= (1 if month is None else month) <= 12 or (day is not None and not 1 <= day <= 31):
        return math.nan
    hour, minute, second = hour or 0, minute or 0, second or 0
    if hour > 24 or (hour == 24 and (minute or second or fraction)):
        return math.nan
    days = millis_of([year or 0, (month or 1) - 1, day or 1, 0, 0, 0, 0])
    if 0 <= (year or 0) <= 99:
        days = millis_of([(year or 0) + 400, (month or 1) - 1, day or 1, 0, 0, 0, 0]) - 146_097 * DAY
    return (
        days + hour * 3_600_000 + minute * 60_000 + second * 1000 + fraction - _zone(match[8] or "Z") * 60_000
    )


def _zone(text: str) -> float:
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return minutes if text[0] == "+" else -minutes


@lru_cache(maxsize=200)
def _parts_of(picture: str) -> tuple[Regex, tuple[_Part, ...]]:
    parts = tuple(
        _Part(re.escape(part)) if isinstance(part, str) else _part(part) for part in moment_picture(picture)
    )
    return compile_regex("^" + "".join(f"({part.pattern})" for part in parts) + "$", "i"), parts


def parse_moment(text: str, picture: str, run: Run) -> float | None:
    """Milliseconds of a timestamp by a picture; None when it does not match. Now fills in what comes
    before."""
    pattern, parts = _parts_of(picture)
    match = pattern.search(text, 0, run)
    if match is None:
        return None
    found = {
        part.component: part.parse(value or "")
        for part, value in zip(parts, match.groups, strict=True)
        if part.parse is not None
    }
    return _moment(found, Moment(math.floor(run.moment * 1000))) if found else None


def _part(marker: Marker) -> _Part:
    component = marker.component
    if component in ("Z", "z"):
        return _zone_part(marker)
    if marker.integer is not None:
        return _integer_part(marker.integer, marker.digits)._replace(component=component)
    width = marker.most or None
    if component in ("M", "x"):
        names = {name[:width]: index + 1 for index, name in enumerate(MONTHS)}
    elif component == "F":
        names = {name[:width]: index for index, name in enumerate(DAYS) if name}
    elif component == "P":
        names = {"am": 0, "AM": 0, "pm": 1, "PM": 1}
    else:
        raise JsonataError("D3133", value=component)
    return _Part("[a-zA-Z]+", component, lambda value: names.get(value, math.nan))


def _zone_part(marker: Marker) -> _Part:
    assert marker.integer is not None
    separator = marker.integer.separators[0][1] if marker.integer.regular else ""
    prefix = "GMT" if marker.component == "z" else ""
    pattern = f"{prefix}[-+][0-9]+" + (f"{re.escape(separator)}[0-9]+" if separator else "")

    def parse(value: str) -> float:
        value = value[len(prefix) :]
        if separator:
            hours, _, minutes = value.partition(separator)
        elif len(value) <= 3:
            hours, minutes = value, "0"
        else:
            hours, minutes = value[:3], value[3:]
        return float(leading_integer(hours) or 0) * 60 + float(leading_integer(minutes) or 0)

    return _Part(pattern, marker.component, parse)


def _integer_part(picture: IntegerPicture, digits: int) -> _Part:
    upper = picture.case == "upper"
    if picture.kind == "sequence":
        raise JsonataError("D3130", value=picture.token)
    if picture.kind == "letters":
        return _Part(
            "[A-Z]+" if upper else "[a-z]+", "", lambda value: from_letters(value, "A" if upper else "a")
        )
    if picture.kind == "roman":
        pattern = "[MDCLXVI]+" if upper else "[mdclxvi]+"
        return _Part(pattern, "", lambda value: from_roman(value if upper else value.upper()))
    if picture.kind == "words":
        words = "|".join([*WORD_VALUES, "and", r"[\-, ]"])
        return _Part(f"(?:{words})+", "", lambda value: from_words(value.lower()))
    return _Part(_digit_pattern(picture, digits), "", lambda value: _from_digits(value, picture))


def _digit_pattern(picture: IntegerPicture, digits: int) -> str:
    if digits > 0:
        least = min(digits - picture.optional, 10_000)
        count = f"{{{min(digits, 10_000)}}}" if not picture.optional else f"{{{least},{min(digits, 10_000)}}}"
    else:
        count = "+"
    return f"[0-9]{count}" + ("(?:th|st|nd|rd)" if picture.ordinal else "")


def _from_digits(value: str, picture: IntegerPicture) -> float:
    digits = value[:-2] if picture.ordinal else value
    for separator in [","] if picture.regular else [char for _, char in picture.separators]:
        digits = digits.replace(separator, "")
    if picture.zero != 0x30:
        digits = "".join(chr(max(ord(char) - picture.zero + 0x30, 0)) for char in digits)
    found = leading_integer(digits)
    return math.nan if found is None else float(found)


def _moment(parts: dict[str, float], now: Moment) -> float:
    dates = _mask(parts, "YXMxWwdD")
    by_day = not _is(dates, 0b10100001) and _is(dates, 0b10000010)
    by_week_of_month = _is(dates, 0b01010100)
    by_week = not by_week_of_month and _is(dates, 0b01001000)
    times = _mask(parts, "PHhmsf")
    halves = not _is(times, 0b010111) and _is(times, 0b101111)
    wanted = "YD" if by_day else "XxwF" if by_week_of_month else "XWF" if by_week else "YMD"
    _fill(parts, wanted + ("Phmsf" if halves else "Hmsf"), now)
    if by_week or by_week_of_month:
        raise JsonataError("D3136")
    month = parts.get("M", 0)
    parts["M"] = month - 1 if month > 0 else 0
    if by_day:
        day = millis_of([parts["Y"], 0, 1, 0, 0, 0, 0]) + (parts.get("d", math.nan) - 1) * DAY
        if not math.isfinite(day):
            return math.nan
        derived = Moment(day)
        parts["M"], parts["D"] = derived.month, derived.day
    if halves:
        parts["H"] = (0 if parts["h"] == 12 else parts["h"]) + (12 if parts["P"] == 1 else 0)
    millis = millis_of([parts[name] for name in "YMDHmsf"])
    return millis - (parts.get("Z") or parts.get("z") or 0) * 60_000


def _mask(parts: dict[str, float], names: str) -> int:
    mask = 0
    for name in names:
        value = parts.get(name, 0)
        mask = mask * 2 + (1 if value and not math.isnan(value) else 0)
    return mask


def _is(mask: int, kind: int) -> bool:
    """Whether only parts of a kind are given, and at least one."""
    return not (~kind & mask) and bool(kind & mask)


def _fill(parts: dict[str, float], wanted: str, now: Moment) -> None:
    """Parts before the first that is given are today's, those after the last are the least; a gap is
    D3136."""
    started = ended = False
    for name in wanted:
        if name in parts and (not math.isnan(parts[name]) or name not in "MFxP"):
            started = True
            if ended:
                raise JsonataError("D3136")
        elif started:
            parts[name] = 1 if name in "MDd" else 0
            ended = True
        else:
            value = now.component(name)
            parts[name] = value if isinstance(value, (int, float)) else math.nan
