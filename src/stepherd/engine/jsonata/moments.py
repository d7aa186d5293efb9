"""Dates and times by pictures, after XPath's fn:format-dateTime: what a picture says, and writing one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from stepherd.engine.jsonata.calendar import DAYS, MONTHS, Moment
from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.integer_pictures import IntegerPicture, format_integer, integer_picture

__all__ = ["ISO", "Marker", "format_moment", "leading_integer", "moment_picture"]

ISO = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"
_DEFAULTS = {
    "Y": "1", "M": "1", "D": "1", "d": "1", "F": "n", "W": "1", "w": "1", "X": "1", "x": "1", "H": "1",
    "h": "1", "P": "n", "m": "01", "s": "01", "f": "1", "Z": "01:01", "z": "01:01", "C": "n", "E": "n",
}  # fmt: skip
_NUMBERS = "YMDdFWwXxHhmsf"


@dataclass(slots=True)
class Marker:
    """A part of a picture in brackets: ``[D01]``. ``most`` is the largest width, ``digits`` how many are
    parsed."""

    component: str
    presentation: str
    second: str = ""
    least: int | None = None
    most: int | None = None
    names: str = ""
    integer: IntegerPicture | None = None
    digits: int = -1


@lru_cache(maxsize=500)
def moment_picture(picture: str) -> tuple[str | Marker, ...]:
    """The literals and markers of a picture. Raises D3132 and D3135; and D3131 for mixed digits."""
    parts: list[str | Marker] = []
    start = at = 0

    def literal(end: int) -> None:
        if end > start:
            parts.append(picture[start:end].replace("]]", "]"))

    while at < len(picture):
        if picture[at] != "[":
            at += 1
            continue
        literal(at)
        if picture.startswith("[[", at):
            parts.append("[")
            at = start = at + 2
            continue
        end = picture.find("]", at)
        if end < 0:
            raise JsonataError("D3135")
        parts.append(_marker("".join(picture[at + 1 : end].split())))
        at = start = end + 1
    literal(at)
    return tuple(parts)


def _marker(text: str) -> Marker:
    component = text[:1]
    modifiers, comma, width = text.rpartition(",")
    if not comma:
        modifiers = text
    presentation, second = modifiers[1:], ""
    if len(presentation) > 1 and presentation[-1] in "atco":
        presentation, second = presentation[:-1], presentation[-1]
    if not presentation:
        presentation = _DEFAULTS.get(component, "")
    if not presentation:
        raise JsonataError("D3132", value=component)
    marker = Marker(component, presentation, second)
    if comma:
        least, _, most = width.partition("-")
        marker.least, marker.most = _width(least), _width(most)
    if presentation[0] == "n":
        marker.names = "lower"
    elif presentation[0] == "N":
        marker.names = "title" if presentation[1:2] == "n" else "upper"
    elif component in _NUMBERS:
        _number_of(marker)
    if component in ("Z", "z"):
        marker.integer = integer_picture(presentation)
    return marker


def _width(text: str) -> int | None:
    value = None if text in ("", "*") else leading_integer(text)
    return None if value is None else int(min(value, 1_000_000))


def _number_of(marker: Marker) -> None:
    marker.integer = integer = integer_picture(
        f"{marker.presentation};{marker.second}" if marker.second else marker.presentation
    )
    if marker.least is not None:
        integer.mandatory = max(integer.mandatory, marker.least)
    if marker.component not in "YMD":
        return
    if marker.most is not None:
        marker.digits = integer.mandatory = marker.most
    elif integer.mandatory + integer.optional >= 2:
        marker.digits = integer.mandatory + integer.optional


def leading_integer(text: str) -> int | None:
    """The whole number that a text begins with, None without one."""
    match = re.match(r"\s*([-+]?[0-9]+)", text)
    return None if match is None else int(match[1][:400])


def format_moment(millis: float, picture: str, timezone: str | None) -> str:
    """A time in milliseconds since the epoch by a picture, in a zone like ``+0530``."""
    offset = 0.0 if timezone is None else float(_or_nan(leading_integer(timezone)))
    hours = math.floor(offset / 100) if not math.isnan(offset) else math.nan
    minutes = math.fmod(offset, 100)
    moment = Moment(millis + (60 * hours + minutes) * 60_000)
    parts = moment_picture(picture)
    return "".join(
        part if isinstance(part, str) else _written(moment, part, hours, minutes) for part in parts
    )


def _or_nan(value: int | None) -> float:
    return math.nan if value is None else value


def _written(moment: Moment, marker: Marker, hours: float, minutes: float) -> str:
    component = marker.component
    if component in ("Z", "z"):
        return _zone(marker, hours, minutes)
    value = moment.component(component)
    if component == "P":
        return str(value).upper() if marker.names == "upper" else str(value)
    if component not in _NUMBERS:
        return "undefined" if value is None else str(value)
    assert isinstance(value, (int, float))
    if component == "Y" and marker.digits != -1:
        value = math.fmod(value, 10 ** min(marker.digits, 300))
    if not math.isnan(value):
        value = int(value)
    if marker.names and component != "f":
        return _name(marker, int(value))
    if marker.integer is None:
        raise JsonataError("D3133", value=component)
    return format_integer(value, marker.integer)


def _name(marker: Marker, value: int) -> str:
    if marker.component in ("M", "x"):
        name = MONTHS[value - 1]
    elif marker.component == "F":
        name = DAYS[value]
    else:
        raise JsonataError("D3133", value=marker.component)
    name = name.upper() if marker.names == "upper" else name.lower() if marker.names == "lower" else name
    return name if marker.most is None else name[: marker.most]


def _zone(marker: Marker, hours: float, minutes: float) -> str:
    assert marker.integer is not None
    offset = hours * 100 + minutes
    digits = marker.integer.mandatory
    if marker.integer.regular or digits in (3, 4):
        text = format_integer(offset, marker.integer)
    elif digits in (1, 2):
        text = format_integer(hours, marker.integer)
        if minutes:
            text += ":" + format_integer(minutes, integer_picture("00"))
    else:
        raise JsonataError("D3134", value=digits)
    if offset >= 0:
        text = f"+{text}"
    if marker.component == "z":
        text = f"GMT{text}"
    return "Z" if offset == 0 and marker.second == "t" else text
