"""The functions of numbers, and of dates and times, which are numbers of milliseconds."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.integer_pictures import format_integer, integer_picture
from stepherd.engine.jsonata.moment_parsing import parse_integer, parse_iso, parse_moment
from stepherd.engine.jsonata.moments import ISO, format_moment
from stepherd.engine.jsonata.number_pictures import format_number
from stepherd.engine.jsonata.rounding import round_half_even
from stepherd.engine.jsonata.scope import Scope
from stepherd.engine.jsonata.string_functions import Implementation, when_given
from stepherd.engine.jsonata.values import UNDEFINED, number, number_text

__all__ = ["NUMBER_FUNCTIONS"]

_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?")
_RADIX = re.compile(r"0(?:[xX]([0-9A-Fa-f]+)|[oO]([0-7]+)|[bB]([01]+))")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _number(_scope: Scope, value: Any, *_: Any) -> Any:
    if type(value) is bool:
        return 1 if value else 0
    if not isinstance(value, str):
        return value
    if _DECIMAL.fullmatch(value):
        result = float(value)
        if math.isfinite(result):
            return int(result) if result.is_integer() and abs(result) <= 2**53 else result
    match = _RADIX.fullmatch(value)
    if match is None:
        raise JsonataError("D3030", value=value)
    for digits, base in zip(match.groups(), (16, 8, 2), strict=True):
        if digits:
            return number(int(digits, base))
    raise AssertionError(value)


def _rounded(function: Callable[[float], int]) -> Callable[..., Any]:
    def run(_scope: Scope, value: Any, *_: Any) -> Any:
        return number(function(value)) if math.isfinite(value) else value

    return run


def _round(_scope: Scope, value: float, precision: Any) -> Any:
    return round_half_even(value, 0 if precision is UNDEFINED else precision)


def _sqrt(_scope: Scope, value: float, *_: Any) -> Any:
    if value < 0:
        raise JsonataError("D3060", value=value)
    result = math.sqrt(value)
    return int(result) if result.is_integer() and result < 2**53 else result


def _power(_scope: Scope, value: float, exponent: Any) -> Any:
    try:
        result = math.nan if exponent is UNDEFINED else math.pow(value, exponent)
    except (OverflowError, ValueError):
        result = math.nan
    if not math.isfinite(result):
        raise JsonataError("D3061", value=value, exp=exponent)
    return int(result) if result.is_integer() and abs(result) < 2**53 else result


def _format_number(scope: Scope, value: float, picture: Any, options: Any) -> str:
    return format_number(value, _given(picture), {} if options is UNDEFINED else options, scope.run)


def _format_base(_scope: Scope, value: float, radix: Any) -> str:
    base = 10 if radix is UNDEFINED else round_half_even(radix)
    if not 2 <= base <= 36:
        raise JsonataError("D3100", value=base)
    whole = round_half_even(value)
    if base == 10:
        return number_text(whole)
    if not math.isfinite(whole):
        return number_text(whole)
    rest, digits = abs(int(whole)), ""
    while rest:
        rest, digit = divmod(rest, int(base))
        digits = _DIGITS[digit] + digits
    return ("-" if whole < 0 else "") + (digits or "0")


def _given(picture: Any) -> str:
    """A picture that is there. Where it is undefined, JavaScript fails without a code of JSONata's."""
    if picture is UNDEFINED:
        raise ValueError("the picture is undefined")
    text: str = picture
    return text


def _format_integer(scope: Scope, value: float, picture: Any) -> str:
    scope.run.picture(_given(picture))
    return scope.run.text(format_integer(number(math.floor(value)), integer_picture(picture)))


def _parse_integer(scope: Scope, text: str, picture: Any) -> Any:
    scope.run.make(8 * len(text))
    scope.run.picture(_given(picture), text)
    return _whole(parse_integer(text, picture))


def _whole(value: float) -> float | int:
    return int(value) if math.isfinite(value) and float(value).is_integer() and abs(value) < 2**53 else value


def _to_millis(scope: Scope, text: str, picture: Any) -> Any:
    if picture is UNDEFINED:
        return _whole(parse_iso(text))
    scope.run.picture(picture, text)
    found = parse_moment(text, picture, scope.run)
    return UNDEFINED if found is None else _whole(found)


def _from_millis(scope: Scope, millis: float, picture: Any, timezone: Any) -> str:
    shown = ISO if picture is UNDEFINED else picture
    scope.run.picture(shown)
    zone = None if timezone is UNDEFINED else timezone
    return scope.run.text(format_moment(_integral(millis), shown, zone))


def _integral(millis: float) -> float:
    return math.trunc(millis) if math.isfinite(millis) else millis


def _now(scope: Scope, arguments: list[Any]) -> str:
    return _from_millis(scope, math.floor(scope.run.moment * 1000), *arguments[:2])


def _random(_scope: Scope, _arguments: list[Any]) -> float:
    return random.SystemRandom().random()


NUMBER_FUNCTIONS: dict[str, tuple[str, int, Implementation]] = {
    "number": ("<(nsb)-:n>", 1, when_given(_number)),
    "floor": ("<n-:n>", 1, when_given(_rounded(math.floor))),
    "ceil": ("<n-:n>", 1, when_given(_rounded(math.ceil))),
    "round": ("<n-n?:n>", 2, when_given(_round)),
    "abs": ("<n-:n>", 1, when_given(lambda _scope, value, *_: abs(value))),
    "sqrt": ("<n-:n>", 1, when_given(_sqrt)),
    "power": ("<n-n:n>", 2, when_given(_power)),
    "random": ("<:n>", 0, _random),
    "formatNumber": ("<n-so?:s>", 3, when_given(_format_number)),
    "formatBase": ("<n-n?:s>", 2, when_given(_format_base)),
    "formatInteger": ("<n-s:s>", 2, when_given(_format_integer)),
    "parseInteger": ("<s-s:n>", 2, when_given(_parse_integer)),
    "toMillis": ("<s-s?:n>", 2, when_given(_to_millis)),
    "fromMillis": ("<n-s?s?:s>", 3, when_given(_from_millis)),
    "now": ("<s?s?:s>", 2, _now),
    "millis": ("<:n>", 0, lambda scope, _: math.floor(scope.run.moment * 1000)),
}
