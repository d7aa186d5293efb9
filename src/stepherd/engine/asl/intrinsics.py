"""The functions that Step Functions adds to JSONata: $partition, $range, $hash, $random, $uuid, $parse.

Source: facts/histories.md 5.4. ``$eval`` is left out, as in Step Functions: an invocation of nothing, T1006.
"""

from __future__ import annotations

import hashlib
import math
import random
import uuid
from collections.abc import Callable
from typing import Any

from stepherd.engine.asl.values import parse_strictly
from stepherd.engine.jsonata.errors import ExpressionTooLongError, JsonataError
from stepherd.engine.jsonata.library import BUILT_IN
from stepherd.engine.jsonata.scope import TOO_LARGE, Scope
from stepherd.engine.jsonata.values import UNDEFINED, Native

__all__ = ["FUNCTIONS"]

_ALGORITHMS = {"SHA-1": "sha1", "SHA-384": "sha384", "SHA-256": "sha256", "SHA-512": "sha512", "MD5": "md5"}
_LONGEST_RANGE = 360_145
"""Values of one $range: AWS makes so many and refuses one more."""
_LONG = 2**63


def _partition(scope: Scope, array: Any, size: Any) -> Any:
    if array is not UNDEFINED and not isinstance(array, list):
        raise JsonataError("T0412", index=1)
    if array is UNDEFINED or not array:
        return UNDEFINED
    step = len(array) if size is UNDEFINED else _whole(size, 2)
    if step < 0:
        raise JsonataError("D3137", message="Second argument must be zero or greater")
    if step == 0:
        return UNDEFINED
    scope.run.make(32 * len(array))
    return [array[at : at + step] for at in range(0, len(array), step)]


def _range(scope: Scope, first: Any, last: Any, step: Any) -> Any:
    first, last = _whole(first, 1), _whole(last, 2)
    step = 0 if step is UNDEFINED else _whole(step, 3)
    if step == 0 or (last - first) * step < 0:
        return UNDEFINED
    count = (last - first) // step + 1
    if count == 1:
        return first  # a sequence of one is the value [recorded]
    if count > _LONGEST_RANGE:
        raise ExpressionTooLongError(TOO_LARGE)
    scope.run.make(16 * count)
    return [first + step * at for at in range(count)]


def _hash(scope: Scope, text: Any, algorithm: Any) -> Any:
    if not isinstance(text, str):
        raise JsonataError("T0410", index=1)
    if algorithm is UNDEFINED:
        return UNDEFINED
    if not isinstance(algorithm, str):
        raise JsonataError("T0410", index=2)
    if algorithm not in _ALGORITHMS:
        names = ", ".join(_ALGORITHMS)
        raise JsonataError("D3137", message=f"Hash algorithm '{algorithm}' must be one of {names}")
    data = text.encode("utf-8", "surrogatepass")
    scope.run.make(len(data))
    return hashlib.new(_ALGORITHMS[algorithm], data, usedforsecurity=False).hexdigest()


def _random(_scope: Scope, seed: Any) -> float:
    """A number from 0 up to 1; of a seed, the first one of Java's generator, as on AWS."""
    if seed is UNDEFINED:
        return random.SystemRandom().random()
    state = (_whole(seed, 1) ^ 0x5DEECE66D) % 2**48
    high = state = (state * 0x5DEECE66D + 0xB) % 2**48
    low = (state * 0x5DEECE66D + 0xB) % 2**48
    return float(((high >> 22) << 27) + (low >> 21)) / 2**53


def _parse(scope: Scope, text: Any) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    if not isinstance(text, str):
        raise JsonataError("T0410", index=1)
    scope.run.make(8 * len(text))
    try:
        return parse_strictly(text)
    except ValueError as error:
        raise JsonataError("D3137", message="Invalid JSON") from error


def _uuid(_scope: Scope) -> str:
    return str(uuid.uuid4())


def _whole(value: Any, index: int) -> int:
    """An argument without its fraction, within the bounds of a Java long, as AWS rounds it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise JsonataError("T0410", index=index)
    bounded = max(-_LONG, min(_LONG - 1, value)) if not math.isnan(value) else 0
    return max(-_LONG, min(_LONG - 1, math.trunc(bounded)))


def _native(function: Callable[..., Any], arity: int) -> Native:
    """A function that looks at its own arguments, of which there are never more than it takes."""

    def run(scope: Scope, arguments: list[Any]) -> Any:
        if len(arguments) > arity:
            raise JsonataError("T0410", index=arity + 1)
        return function(scope, *arguments)

    return Native(run, arity)


_OWN: dict[str, tuple[Callable[..., Any], int]] = {
    "partition": (_partition, 2),
    "range": (_range, 3),
    "hash": (_hash, 2),
    "random": (_random, 1),
    "uuid": (_uuid, 0),
    "parse": (_parse, 1),
}

FUNCTIONS: dict[str, Any] = BUILT_IN | {name: _native(*function) for name, function in _OWN.items()}
"""Everything that an expression can call by name."""
