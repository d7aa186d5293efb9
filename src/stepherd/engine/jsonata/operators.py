"""The operators, and what is true, equal and text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.scope import Run, Scope
from stepherd.engine.jsonata.texts import text_of
from stepherd.engine.jsonata.values import UNDEFINED, Function, Lambda, Native, Sequence, is_numeric, number

__all__ = ["BINARY", "append", "equal", "negated", "text_order", "truth"]

_MOST = 10_000_000
"""Items of a range."""


def truth(value: Any, scope: Scope) -> bool:
    """Whether a value counts as true. Nothing does not, nor a regular expression; other functions do."""
    return type(value) in (Lambda, Native) or boolean(value, scope.run) is True


def boolean(value: Any, run: Run) -> Any:
    """A value as ``$boolean`` casts it: UNDEFINED for nothing."""
    if value is UNDEFINED or type(value) is bool:
        return value
    if isinstance(value, list):
        if len(value) == 1:
            run.step()
            return boolean(value[0], run)
        run.step(len(value))
        return any(boolean(item, run) is True for item in value)
    if isinstance(value, (str, dict)):
        return len(value) > 0
    return is_numeric(value) and value != 0


def equal(left: Any, right: Any, run: Run) -> bool:
    """Whether two values are the same, at any depth."""
    run.left -= 1
    if run.left < 0:
        run.look()
    if type(left) is bool or type(right) is bool or left is None or right is None:
        return left is right
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(equal(one, other, run) for one, other in zip(left, right, strict=True))
        )
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and len(left) == len(right)
            and all(key in right and equal(item, right[key], run) for key, item in left.items())
        )
    if isinstance(left, str):
        if isinstance(right, str) and len(left) == len(right):
            run.step(len(left) >> 8)
        return isinstance(right, str) and left == right
    if isinstance(left, Function) or isinstance(right, (list, dict)):
        return left is right
    return bool(number(left) == number(right)) if _is_number(left) and _is_number(right) else False


def negated(value: Any) -> Any:
    """A number with the other sign; nothing stays nothing."""
    if value is UNDEFINED:
        return UNDEFINED
    if is_numeric(value):
        return -value if value != 0 or type(value) is float else -0.0
    raise JsonataError("D1002", value=value)


def append(left: Any, right: Any) -> Any:
    """Two values or arrays as one array."""
    if left is UNDEFINED:
        return right
    if right is UNDEFINED:
        return left
    first = left if isinstance(left, list) else [left]
    return [*first, *(right if isinstance(right, list) else [right])]


def text_order(left: str, right: str, run: Run) -> int:
    """Which of two texts comes first, -1, 0 or 1, as JavaScript orders them: by UTF-16 units."""
    if left.isascii() and right.isascii():
        run.step(min(len(left), len(right)) >> 8)
    else:
        run.step((len(left) + len(right)) >> 4)
        if max(left, default="") >= "\ud800" or max(right, default="") >= "\ud800":
            one, other = left.encode("utf-16-be", "surrogatepass"), right.encode("utf-16-be", "surrogatepass")
            return (one > other) - (one < other)
    return (left > right) - (left < right)


def _numeric(token: str, operate: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Run], Any]:
    def run(left: Any, right: Any, _: Run) -> Any:
        if left is not UNDEFINED and not is_numeric(left):
            raise JsonataError("T2001", token=token, value=left)
        if right is not UNDEFINED and not is_numeric(right):
            raise JsonataError("T2002", token=token, value=right)
        if left is UNDEFINED or right is UNDEFINED:
            return UNDEFINED
        return number(operate(number(left), number(right)))

    return run


def _divided(left: Any, right: Any) -> Any:
    if right == 0:
        if left == 0:
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1, right)
    result = left / right
    return int(result) if result.is_integer() and abs(result) < 2**53 and result != 0 else result


def _multiplied(left: Any, right: Any) -> Any:
    result = left * right
    if result == 0 and (left < 0) != (right < 0):
        return -0.0
    return result


def _remainder(left: Any, right: Any) -> Any:
    if right == 0:
        return math.nan
    result = math.fmod(left, right)
    return int(result) if result.is_integer() and abs(result) < 2**53 and result != 0 else result


def _comparison(token: str) -> Callable[[Any, Any, Run], Any]:
    def run(left: Any, right: Any, budget: Run) -> Any:
        for value in (left, right):
            if value is not UNDEFINED and not isinstance(value, str) and not _is_number(value):
                raise JsonataError("T2010", token=token, value=value)
        if left is UNDEFINED or right is UNDEFINED:
            return UNDEFINED
        if isinstance(left, str) != isinstance(right, str):
            raise JsonataError("T2009", token=token, value=left, value2=right)
        if isinstance(left, str):
            return _ORDER[token](text_order(left, right, budget), 0)
        return _ORDER[token](number(left), number(right))

    return run


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: bool(left < right),
    ">": lambda left, right: bool(left > right),
    "<=": lambda left, right: bool(left <= right),
    ">=": lambda left, right: bool(left >= right),
}


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _same(left: Any, right: Any, run: Run) -> bool:
    return left is not UNDEFINED and right is not UNDEFINED and equal(left, right, run)


def _other(left: Any, right: Any, run: Run) -> bool:
    return left is not UNDEFINED and right is not UNDEFINED and not equal(left, right, run)


def _included(left: Any, right: Any, run: Run) -> bool:
    if left is UNDEFINED or right is UNDEFINED:
        return False
    if isinstance(left, (list, dict, Function)):
        return any(item is left for item in _paid_for(right, run))
    return any(
        not isinstance(item, (list, dict)) and equal(left, item, run) for item in _paid_for(right, run)
    )


def _paid_for(right: Any, run: Run) -> Iterator[Any]:
    for item in right if isinstance(right, list) else [right]:
        run.left -= 1
        if run.left < 0:
            run.look()
        yield item


def _joined(left: Any, right: Any, run: Run) -> str:
    first = left if type(left) is str else "" if left is UNDEFINED else text_of(left, run)
    second = right if type(right) is str else "" if right is UNDEFINED else text_of(right, run)
    run.hold(len(first) + len(second))
    run.make(len(first) + len(second))
    return first + second


def _range(left: Any, right: Any, run: Run) -> Any:
    for value, code in ((left, "T2003"), (right, "T2004")):
        whole = type(value) is int or (type(value) is float and value.is_integer())
        if value is not UNDEFINED and not whole:
            raise JsonataError(code, value=value)
    if left is UNDEFINED or right is UNDEFINED or left > right:
        return UNDEFINED
    size = int(right) - int(left) + 1
    if size > _MOST:
        raise JsonataError("D2014", value=number(size))
    run.hold(8 * size)
    run.make(16 * size)
    return Sequence(range(int(left), int(right) + 1))


BINARY: dict[str, Callable[[Any, Any, Run], Any]] = {
    "+": _numeric("+", lambda left, right: left + right),
    "-": _numeric("-", lambda left, right: left - right),
    "*": _numeric("*", _multiplied),
    "/": _numeric("/", _divided),
    "%": _numeric("%", _remainder),
    **{token: _comparison(token) for token in _ORDER},
    "=": _same,
    "!=": _other,
    "in": _included,
    "&": _joined,
    "..": _range,
}
