"""The functions that Step Functions adds to JSONata: $partition, $range, $hash, $random, $uuid, $parse.

Source: facts/histories.md 5.4. ``$eval`` is left out, as in Step Functions: an invocation of nothing, T1006.
"""

from __future__ import annotations

import hashlib
import math
import random
import uuid
from typing import Any

from stepherd.engine.asl.values import parse
from stepherd.engine.jsonata.library import BUILT_IN
from stepherd.engine.jsonata.scope import Scope
from stepherd.engine.jsonata.signature import Signature
from stepherd.engine.jsonata.string_functions import Implementation, when_given
from stepherd.engine.jsonata.texts import text_of
from stepherd.engine.jsonata.values import Native

__all__ = ["FUNCTIONS"]

_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


def _partition(scope: Scope, array: list[Any], size: Any) -> Any:
    step = math.floor(size)
    if step < 1:
        raise ValueError("the size of $partition must be at least 1")
    scope.run.make(32 * len(array))
    return [array[at : at + step] for at in range(0, len(array), step)]


def _range(scope: Scope, first: Any, last: Any, step: Any) -> Any:
    first, last, step = math.floor(first), math.floor(last), math.floor(step)
    if step == 0:
        raise ValueError("the step of $range must not be 0")
    values = range(first, last + (1 if step > 0 else -1), step)
    if len(values) == 1:
        return values[0]  # a sequence of one is the value [recorded]
    scope.run.make(16 * len(values))
    return list(values)


def _hash(scope: Scope, value: Any, algorithm: Any) -> str:
    if algorithm not in _ALGORITHMS:
        raise ValueError(f"$hash knows no algorithm {algorithm!r}")
    data = text_of(value, scope.run).encode("utf-8", "surrogatepass")
    scope.run.make(len(data))
    return hashlib.new(_ALGORITHMS[algorithm], data, usedforsecurity=False).hexdigest()


def _random(_scope: Scope, arguments: list[Any]) -> float:
    seed = arguments[0]
    if isinstance(seed, (int, float)):
        return random.Random(math.floor(seed)).random()  # noqa: S311
    return random.SystemRandom().random()


def _parse(scope: Scope, text: str) -> Any:
    scope.run.make(8 * len(text))
    return parse(text)


def _uuid(_scope: Scope, _arguments: list[Any]) -> str:
    return str(uuid.uuid4())


_OWN: dict[str, tuple[str, int, Implementation]] = {
    "partition": ("<an:a>", 2, when_given(_partition)),
    "range": ("<nnn:a>", 3, when_given(_range)),
    "hash": ("<xs:s>", 2, when_given(_hash)),
    "random": ("<n?:n>", 1, _random),
    "uuid": ("<:s>", 0, _uuid),
    "parse": ("<s:x>", 1, when_given(_parse)),
}

FUNCTIONS: dict[str, Any] = BUILT_IN | {
    name: Native(implementation, arity, Signature(signature))
    for name, (signature, arity, implementation) in _OWN.items()
}
"""Everything that an expression can call by name."""
