"""``$formatNumber``: decimal numbers by pictures, after XPath's fn:format-number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, NamedTuple

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.integer_pictures import regular_distance
from stepherd.engine.jsonata.rounding import round_half_even
from stepherd.engine.jsonata.scope import Run
from stepherd.engine.jsonata.values import number

__all__ = ["format_number"]

_SYMBOLS = {
    "decimal-separator": ".",
    "grouping-separator": ",",
    "exponent-separator": "e",
    "infinity": "Infinity",
    "minus-sign": "-",
    "NaN": "NaN",
    "percent": "%",
    "per-mille": "\u2030",
    "zero-digit": "0",
    "digit": "#",
    "pattern-separator": ";",
}
_LONGEST = 100
"""Digits behind the point, as JavaScript's toFixed has them."""
_ALL_DIGITS = Context(prec=_LONGEST + 21)


@dataclass(frozen=True, slots=True)
class _Symbols:
    point: str
    group: str
    exponent: str
    minus: str
    percent: str
    mille: str
    zero: str
    optional: str
    digits: str
    active: frozenset[str]

    @staticmethod
    def of(options: Mapping[str, Any]) -> _Symbols:
        names = {**_SYMBOLS, **options}
        zero = names["zero-digit"]
        digits = "".join(chr(ord(zero[0]) + index) for index in range(10))
        marks = [
            names[name] for name in ("decimal-separator", "grouping-separator", "exponent-separator", "digit")
        ]
        return _Symbols(
            names["decimal-separator"], names["grouping-separator"], names["exponent-separator"],
            names["minus-sign"], names["percent"], names["per-mille"], zero, names["digit"], digits,
            frozenset([*digits, *marks]),
        )  # fmt: skip


class _Parts(NamedTuple):
    """A sub-picture, taken apart."""

    picture: str
    prefix: str
    suffix: str
    active: str
    mantissa: str
    exponent: str | None
    whole: str
    fraction: str


class _Layout(NamedTuple):
    """The layout of numbers that a sub-picture describes."""

    picture: str
    prefix: str
    suffix: str
    groups: list[int]
    fraction_groups: list[int]
    scaling: int
    least_whole: int
    least_fraction: int
    most_fraction: int
    least_exponent: int


def format_number(value: float, picture: str, options: Mapping[str, Any], run: Run) -> str:
    """A number by its picture. ``options`` replace symbols. Raises D3080 to D3093 for a wrong picture."""
    run.make(200)
    run.picture(picture)
    separator = options.get("pattern-separator", ";")
    symbols = _Symbols.of(options)
    pictures = picture.split(separator)
    if len(pictures) > 2:
        raise JsonataError("D3080")
    parts = [_taken_apart(one, symbols) for one in pictures]
    for part in parts:
        _check(part, symbols)
    layouts = [_layout(part, symbols) for part in parts]
    if len(layouts) == 1:
        layouts.append(layouts[0]._replace(prefix=symbols.minus + layouts[0].prefix))
    return _written(value, layouts[0] if value >= 0 else layouts[1], symbols, run)


def _taken_apart(picture: str, symbols: _Symbols) -> _Parts:
    marks = [at for at, char in enumerate(picture) if char in symbols.active and char != symbols.exponent]
    if not marks:
        raise JsonataError("D3085")
    prefix, suffix = picture[: marks[0]], picture[marks[-1] + 1 :]
    active = picture[len(prefix) : len(picture) - len(suffix)]
    at = picture.find(symbols.exponent, len(prefix))
    if at < 0 or at > len(picture) - len(suffix):
        mantissa, exponent = active, None
    else:
        mantissa, exponent = active[:at], active[at + 1 :]
    whole, point, fraction = mantissa.partition(symbols.point)
    # Without a point the suffix stands for the fraction, as in JSONata.
    return _Parts(picture, prefix, suffix, active, mantissa, exponent, whole, fraction if point else suffix)


def _check(parts: _Parts, symbols: _Symbols) -> None:
    """Raise the last error that a sub-picture has, as JSONata does."""
    picture, found = parts.picture, [code for holds, code in _faults(parts, symbols) if holds]
    if found:
        raise JsonataError(found[-1], value=picture)


def _faults(parts: _Parts, symbols: _Symbols) -> list[tuple[bool, str]]:
    picture, digits = parts.picture, symbols.digits
    point = picture.find(symbols.point)
    beside = point >= 0 and symbols.group in (
        picture[max(point - 1, 0) : point],
        picture[point + 1 : point + 2],
    )
    optional = parts.whole.find(symbols.optional)
    last = parts.fraction.rfind(symbols.optional)
    percents = symbols.percent in picture or symbols.mille in picture
    exponent = parts.exponent
    return [
        (picture.count(symbols.point) > 1, "D3081"),
        (picture.count(symbols.percent) > 1, "D3082"),
        (picture.count(symbols.mille) > 1, "D3083"),
        (symbols.percent in picture and symbols.mille in picture, "D3084"),
        (not any(char in digits or char == symbols.optional for char in parts.mantissa), "D3085"),
        (any(char not in symbols.active for char in parts.active), "D3086"),
        (beside, "D3087"),
        (point < 0 and parts.whole.endswith(symbols.group), "D3088"),
        (symbols.group * 2 in picture, "D3089"),
        (optional >= 0 and any(char in digits for char in parts.whole[:optional]), "D3090"),
        (last >= 0 and any(char in digits for char in parts.fraction[last:]), "D3091"),
        (bool(exponent) and percents, "D3092"),
        (exponent is not None and (not exponent or any(char not in digits for char in exponent)), "D3093"),
    ]


def _layout(parts: _Parts, symbols: _Symbols) -> _Layout:
    digits = symbols.digits
    whole = sum(char in digits for char in parts.whole)
    scaling = whole
    least = sum(char in digits for char in parts.fraction)
    most = sum(char in digits or char == symbols.optional for char in parts.fraction)
    if whole == 0 and most == 0:
        if parts.exponent is not None:
            least = most = 1
        else:
            whole = 1
    if parts.exponent is not None and whole == 0 and symbols.optional in parts.whole:
        whole = 1
    if whole == 0 and least == 0:
        least = 1
    exponent = 0 if parts.exponent is None else sum(char in digits for char in parts.exponent)
    return _Layout(
        parts.picture, parts.prefix, parts.suffix, _groups(parts.whole, parts.whole, symbols, left=False),
        _groups(parts.fraction, parts.whole, symbols, left=True), scaling, whole, least, most, exponent,
    )  # fmt: skip


def _groups(part: str, whole: str, symbols: _Symbols, *, left: bool) -> list[int]:
    """The digits before or behind each separator. After the first, the whole part says where, as in
    JSONata."""
    before = [0]
    for char in part:
        before.append(before[-1] + (char in symbols.digits or char == symbols.optional))
    places = []
    at = part.find(symbols.group)
    while at >= 0:
        here = before[min(at, len(part))]
        places.append(here if left else before[-1] - here)
        at = whole.find(symbols.group, at + 1)
    return places


def _written(value: float, layout: _Layout, symbols: _Symbols, run: Run) -> str:
    scale = 100 if symbols.percent in layout.picture else 1000 if symbols.mille in layout.picture else 1
    mantissa, exponent = number(value * scale), None
    if layout.least_exponent:
        mantissa, exponent = _scaled(mantissa, layout.scaling)
    rounded = round_half_even(mantissa, layout.most_fraction)
    text = _fixed(rounded, layout.most_fraction, symbols)
    text = text.replace(".", symbols.point, 1) if "." in text else text + symbols.point
    text = text.strip(symbols.zero)
    run.make(len(text) + layout.least_whole + layout.least_fraction)
    text = text.rjust(len(text) + layout.least_whole - text.find(symbols.point), symbols.zero)
    behind = len(text) - text.find(symbols.point) - 1
    text += symbols.zero * max(layout.least_fraction - behind, 0)
    text = _grouped(text, layout, symbols)
    if symbols.point not in layout.picture or text.endswith(symbols.point):
        text = text[:-1]
    if exponent is not None:
        digits = _fixed(exponent, 0, symbols).rjust(layout.least_exponent, symbols.zero)
        text += symbols.exponent + (symbols.minus if exponent < 0 else "") + digits
    return layout.prefix + text + layout.suffix


def _scaled(mantissa: float, scaling: int) -> tuple[float, int]:
    """A mantissa between two powers of ten, and its exponent. Zero, and what is negative, stays as large
    as it is."""
    most, least = math.pow(10, min(scaling, 308)), math.pow(10, min(scaling, 308) - 1)
    exponent, size = 0, abs(mantissa)
    if size == 0 or not math.isfinite(size):
        return mantissa, 0
    while size < least:
        size *= 10
        exponent -= 1
    while size > most:
        size /= 10
        exponent += 1
    return math.copysign(size, mantissa), exponent


def _fixed(value: float, places: int, symbols: _Symbols) -> str:
    if places > _LONGEST:
        raise ValueError("toFixed() digits argument must be between 0 and 100")
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity"
    size = Decimal(abs(value))
    text = (
        format(size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _ALL_DIGITS), "f")
        if size < Decimal("1e21")
        else str(abs(value))
    )
    if symbols.zero == "0":
        return text
    return "".join(symbols.digits[int(char)] if char.isdigit() else char for char in text)


def _grouped(text: str, layout: _Layout, symbols: _Symbols) -> str:
    point = text.find(symbols.point)
    distance = regular_distance(layout.groups)
    if distance:
        for index in range(1, (point - 1) // distance + 1):
            at = point - index * distance
            text = text[:at] + symbols.group + text[at:]
    else:
        for place in layout.groups:
            at = point - place
            text = text[:at] + symbols.group + text[at:]
            point += 1
    point = text.find(symbols.point)
    for place in layout.fraction_groups:
        at = place + point + 1
        text = text[:at] + symbols.group + text[at:]
    return text
