"""The answer of an expression, in a form that can be compared with npm's jsonata."""

from __future__ import annotations

import math
from typing import Any

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.library import BUILT_IN
from stepherd.engine.jsonata.program import Program
from stepherd.engine.jsonata.scope import Run
from stepherd.engine.jsonata.values import UNDEFINED, number_text

__all__ = ["agrees", "answer"]


def answer(source: str, bindings: dict[str, Any]) -> list[Any]:
    """``[value, …]``, ``[undefined]``, ``[nonjson]``, ``[error, code]`` or ``[syntax, code]``.

    Where JavaScript has an error of its own, without a code, so has this. Any other exception comes out.
    """
    try:
        program = Program(source)
    except JsonataError as error:
        return ["syntax", error.code]
    try:
        result = program.run(bindings, Run(), BUILT_IN)
    except JsonataError as error:
        return ["error", error.code]
    except ValueError:
        return ["error", None]
    if result is UNDEFINED:
        return ["undefined"]
    try:
        return ["value", _comparable(result)]
    except TypeError:
        return ["nonjson"]


def agrees(ours: list[Any], theirs: list[Any]) -> bool:
    """Whether two answers are the same; any error agrees with one of JavaScript itself, which has no code."""
    if theirs[0] in ("error", "syntax") and theirs[1] is None:
        return ours[0] in ("error", "syntax")
    return repr(_sorted(ours)) == repr(_sorted(theirs))


def _comparable(value: Any) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            raise TypeError
        return int(number_text(value)) if value == int(value) and abs(value) < 1e21 else value
    if isinstance(value, list):
        return [None if item is UNDEFINED else _comparable(item) for item in value]
    if isinstance(value, dict):
        return {key: _comparable(item) for key, item in value.items() if item is not UNDEFINED}
    raise TypeError


def _sorted(value: Any) -> Any:
    """The order of members does not count, 1 is 1.0, and true is not 1."""
    if isinstance(value, dict):
        return [(key, _sorted(value[key])) for key in sorted(value)]
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return int(number_text(value))
    return value
