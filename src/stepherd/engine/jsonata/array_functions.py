"""The functions of arrays, and those that take functions."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from stepherd.engine.jsonata.calling import call, call_with
from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.operators import append, boolean, equal, text_order
from stepherd.engine.jsonata.scope import Run, Scope
from stepherd.engine.jsonata.sorting import merge_sorted
from stepherd.engine.jsonata.string_functions import Implementation, when_given
from stepherd.engine.jsonata.values import UNDEFINED, Function, Sequence, is_numeric, number

__all__ = ["ARRAY_FUNCTIONS"]


def _sum(scope: Scope, values: list[Any], *_: Any) -> Any:
    scope.run.step(len(values))
    total: float = 0
    for value in values:
        total += value
    return number(total)


def _extreme(choose: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def run(scope: Scope, values: list[Any], *_: Any) -> Any:
        scope.run.step(len(values))
        return choose(values) if values else UNDEFINED

    return run


def _average(scope: Scope, values: list[Any], *_: Any) -> Any:
    if not values:
        return UNDEFINED
    result = float(_sum(scope, values)) / len(values)
    return int(result) if result.is_integer() and abs(result) < 2**53 else result


def _count(_scope: Scope, arguments: list[Any]) -> int:
    return 0 if arguments[0] is UNDEFINED else len(arguments[0])


def _append(scope: Scope, arguments: list[Any]) -> Any:
    scope.run.make(16 * sum(len(one) for one in arguments if isinstance(one, list)) + 16)
    return append(*arguments[:2])


def _reverse(scope: Scope, values: list[Any], *_: Any) -> Any:
    scope.run.make(16 * len(values))
    return values if len(values) <= 1 else values[::-1]


def _shuffle(scope: Scope, values: list[Any], *_: Any) -> Any:
    scope.run.make(16 * len(values))
    return values if len(values) <= 1 else random.SystemRandom().sample(values, len(values))


def _zip(scope: Scope, arguments: list[Any]) -> Any:
    if not all(isinstance(one, list) for one in arguments) or not arguments:
        return []
    length = min(map(len, arguments))
    scope.run.make(16 * length * (1 + len(arguments)))
    return [list(row) for row in zip(*arguments, strict=False)]


def _distinct(scope: Scope, values: Any, *_: Any) -> Any:
    if not isinstance(values, list) or len(values) <= 1:
        return values
    run = scope.run
    run.make(16 * len(values))
    results = Sequence() if isinstance(values, Sequence) and values.collapses else []
    plain: set[Any] = set()
    others: list[Any] = []
    for value in values:
        key = _key(value)
        if key is None:
            if any(equal(value, other, run) for other in others):
                continue
            others.append(value)
        elif key in plain:
            continue
        else:
            plain.add(key)
        run.step()
        results.append(value)
    return results


def _key(value: Any) -> Any:
    """A key that is equal for equal plain values; None for values that need a comparison: arrays, objects,
    functions, NaN."""
    if (
        isinstance(value, (list, dict, Function))
        or value is UNDEFINED
        or (type(value) is float and math.isnan(value))
    ):
        return None
    return (isinstance(value, bool), value) if value is not None else "null"


def _sort(scope: Scope, values: list[Any], comparator: Any) -> Any:
    if len(values) <= 1:
        return values
    run = scope.run
    if comparator is not UNDEFINED:
        return merge_sorted(
            values, lambda left, right: _truthy(call_with_two(comparator, scope, left, right)), run
        )
    run.make(64 * len(values))
    if all(isinstance(value, str) for value in values):
        return merge_sorted(values, lambda left, right: _after(left, right, run), run)
    if not all(type(value) in (int, float) and is_numeric(value) for value in values):
        raise JsonataError("D3070")
    run.step(len(values) * 8)
    return sorted(values)


def call_with_two(function: Any, scope: Scope, left: Any, right: Any) -> Any:
    """Call a comparator with both values."""
    return call(function, [left, right], None, scope)


def _after(left: str, right: str, run: Run) -> bool:
    return text_order(left, right, run) > 0


def _truthy(value: Any) -> bool:
    """Whether JavaScript takes a value for true."""
    if value is UNDEFINED or value is None or value is False or value == "":
        return False
    return not (type(value) in (int, float) and (value == 0 or math.isnan(value)))


def _map(scope: Scope, values: list[Any], function: Any) -> Any:
    found = Sequence()
    scope.run.make(16 * len(values))
    for index, value in enumerate(values):
        result = call_with(function, scope, value, index, values)
        if result is not UNDEFINED:
            found.append(result)
    return found


def _filter(scope: Scope, values: list[Any], function: Any) -> Any:
    found = Sequence()
    scope.run.make(16 * len(values))
    for index, value in enumerate(values):
        if _holds(call_with(function, scope, value, index, values), scope):
            found.append(value)
    return found


def _holds(value: Any, scope: Scope) -> bool:
    return isinstance(value, Function) or boolean(value, scope.run) is True


def _single(scope: Scope, values: list[Any], function: Any) -> Any:
    found: Any = UNDEFINED
    matched = False
    for index, value in enumerate(values):
        if function is UNDEFINED or _holds(call_with(function, scope, value, index, values), scope):
            if matched:
                raise JsonataError("D3138")
            matched, found = True, value
    if not matched:
        raise JsonataError("D3139")
    return found


def _reduce(scope: Scope, values: list[Any], function: Any, start: Any) -> Any:
    if function.arity < 2:
        raise JsonataError("D3050")
    index = 0
    if start is UNDEFINED and values:
        start, index = values[0], 1
    for at in range(index, len(values)):
        start = call(function, [start, values[at], at, values][: function.arity], None, scope)
    return start


def _largest(values: list[Any]) -> Any:
    return max(values) if not any(math.isnan(value) for value in values) else math.nan


def _smallest(values: list[Any]) -> Any:
    return min(values) if not any(math.isnan(value) for value in values) else math.nan


ARRAY_FUNCTIONS: dict[str, tuple[str, int, Implementation]] = {
    "sum": ("<a<n>:n>", 1, when_given(_sum)),
    "count": ("<a:n>", 1, _count),
    "max": ("<a<n>:n>", 1, when_given(_extreme(_largest))),
    "min": ("<a<n>:n>", 1, when_given(_extreme(_smallest))),
    "average": ("<a<n>:n>", 1, when_given(_average)),
    "append": ("<xx:a>", 2, _append),
    "reverse": ("<a:a>", 1, when_given(_reverse)),
    "shuffle": ("<a:a>", 1, when_given(_shuffle)),
    "zip": ("<a+>", 0, _zip),
    "distinct": ("<x:x>", 1, when_given(_distinct)),
    "sort": ("<af?:a>", 2, when_given(_sort)),
    "map": ("<af>", 2, when_given(_map)),
    "filter": ("<af>", 2, when_given(_filter)),
    "single": ("<af?>", 2, when_given(_single)),
    "reduce": ("<afj?:j>", 3, when_given(_reduce)),
}
