"""The values of JSONata: those of JSON as Python has them, sequences, functions, and "nothing".

A JSON null is None, as everywhere; the absence of a value is ``UNDEFINED``. Numbers are IEEE doubles: an
int stands for one as long as it is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from stepherd.engine.jsonata.errors import JsonataError

if TYPE_CHECKING:
    from stepherd.engine.jsonata.scope import Scope
    from stepherd.engine.jsonata.signature import OwnSignature, Signature

__all__ = [
    "UNDEFINED",
    "Function",
    "Lambda",
    "Native",
    "Sequence",
    "is_numeric",
    "keys_in_order",
    "number",
    "number_text",
    "one_or_all",
]

_EXACT = 2**53


class _Undefined:
    """The type of UNDEFINED. It is false, as nothing is."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Any = _Undefined()


class Sequence(list[Any]):
    """An array that remembers what it is: a result sequence, which collapses to its value when it has one.

    ``keep`` keeps an array of one (``[]``); ``constructed`` arrays are not flattened into an outer sequence;
    ``tuples`` are the bindings of a path with ``@``, ``#`` or ``%``; ``collapses`` is false for a
    constructed array.
    """

    __slots__ = ("collapses", "constructed", "keep", "tuples")

    def __init__(self, items: Iterable[Any] = (), *, tuples: bool = False, collapses: bool = True) -> None:
        super().__init__(items)
        self.collapses = collapses
        self.constructed = False
        self.keep = False
        self.tuples = tuples


class Function:
    """Anything that can be called."""

    __slots__ = ()
    arity = 0


class Body(Protocol):
    """What a function does: its code, and the code for where little room is left."""

    @property
    def code(self) -> Callable[[Any, Scope], Any]:
        """The code where there is room for all of its parts."""

    @property
    def deepest(self) -> int:
        """How many of its parts stand inside of each other."""

    def within(self, room: int) -> Callable[[Any, Scope], Any]:
        """The code that fails where it is deeper than the room that is left."""


class Lambda(Function):
    """``function($a){…}`` with the scope that it was written in; or one with some arguments already given."""

    __slots__ = ("arity", "body", "context", "parameters", "scope", "signature")

    def __init__(
        self,
        parameters: tuple[str, ...],
        body: Body,
        context: Any,
        scope: Scope,
        signature: OwnSignature | None = None,
    ) -> None:
        self.parameters = parameters
        self.body = body
        self.context = context
        self.scope = scope
        self.signature = signature
        self.arity = len(parameters)


class Native(Function):
    """A built-in function: ``implementation(scope, context, arguments)``."""

    __slots__ = ("arity", "implementation", "signature")

    def __init__(
        self,
        implementation: Callable[[Scope, list[Any]], Any],
        arity: int,
        signature: Signature | None = None,
    ) -> None:
        self.implementation = implementation
        self.arity = arity
        self.signature = signature


def one_or_all(items: Sequence) -> Any:
    """A sequence as a value: nothing when empty, the one item alone, or the sequence."""
    if len(items) > 1 or (items and items.keep):
        return items
    return items[0] if items else UNDEFINED


def is_numeric(value: Any) -> bool:
    """Whether it is a number; raises D1001 for an infinite one."""
    kind = type(value)
    if kind is int:
        return True
    if kind is not float or math.isnan(value):
        return False
    if math.isinf(value):
        raise JsonataError("D1001")
    return True


def number(value: float) -> float | int:
    """The double that a result stands for: an int only where that is exact."""
    if type(value) is int:
        return value if -_EXACT <= value <= _EXACT else _double(value)
    return value


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number_text(value: float) -> str:
    """A number as JavaScript writes it: no exponent from 1e-7 to 1e21."""
    if type(value) is int:
        if -_EXACT <= value <= _EXACT:
            return str(value)
        value = _double(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return sign + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    power = point - 1
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{'+' if power > 0 else '-'}{abs(power)}"


def keys_in_order(members: Mapping[str, Any]) -> list[str]:
    """The names of an object in JavaScript's order: whole numbers first, by size, then as they were set."""
    names = list(members)
    if not any(name[:1].isdigit() for name in names):
        return names
    indices = [name for name in names if _is_index(name)]
    return sorted(indices, key=int) + [name for name in names if not _is_index(name)]


def _is_index(name: str) -> bool:
    plain = name.isascii() and name.isdigit() and (name == "0" or name[0] != "0")
    return plain and len(name) <= 10 and int(name) < 2**32 - 1
