"""JSONata as Step Functions evaluates it: compiled expressions, AWS's own functions, AWS's words for errors.

Source: the AWS guide to JSONata in Step Functions, and recorded executions (facts/histories.md 4.2 and 5).
The language itself is the library ``jsonata-python``.
"""

from __future__ import annotations

import hashlib
import math
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonata import Jsonata
from jsonata.jexception import JException
from jsonata.utils import Utils

from stepherd.engine.asl.values import compact, parse

__all__ = ["EvaluationError", "Expression", "ExpressionSyntaxError", "type_name"]

_NULL = Utils.NULL_VALUE
Bindings = Mapping[str, Any]


class ExpressionSyntaxError(Exception):
    """The text is not an expression that Step Functions would take."""


class EvaluationError(Exception):
    """An expression failed. ``location`` is the field's path, absent where AWS gives none."""

    def __init__(self, cause: str, location: str | None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.location = location


def _partition(array: Any, size: Any) -> Any:
    step = math.floor(size)
    return [array[i : i + step] for i in range(0, len(array), step)]


def _range(first: Any, last: Any, step: Any) -> Any:
    first, last, step = math.floor(first), math.floor(last), math.floor(step)
    if step == 0:
        raise ValueError("the step of $range must not be 0")
    values = list(range(first, last + (1 if step > 0 else -1), step))
    return values[0] if len(values) == 1 else values  # a sequence of one is the value [recorded]


def _hash(text: Any, algorithm: Any) -> str:
    names = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
    if algorithm not in names:
        raise ValueError(f"$hash knows no algorithm {algorithm!r}")
    data = text if isinstance(text, str) else compact(_plain(text))
    return hashlib.new(names[algorithm], data.encode(), usedforsecurity=False).hexdigest()


def _random(seed: Any = None) -> float:
    source = random.Random(math.floor(seed)) if seed is not None else random.SystemRandom()  # noqa: S311
    return source.random()


def _parse_json(text: Any) -> Any:
    return _with_nulls(parse(text))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": _random,
    "uuid": lambda: str(uuid.uuid4()),
    "parse": _parse_json,
}


class Expression:
    """One JSONata expression and the field it stands in. Compiled when it is first looked at."""

    __slots__ = ("_compiled", "location", "source")

    def __init__(self, source: str, location: str) -> None:
        self.source = source.strip()
        self.location = location
        self._compiled: Jsonata | None = None

    @property
    def _program(self) -> Jsonata:
        if self._compiled is None:
            self._compiled = _compile(self.source)
        return self._compiled

    def evaluate(self, bindings: Bindings) -> Any:
        """The value as plain JSON; raises EvaluationError for undefined, thrown and non-JSON results.

        So does what is no expression: a definition that was accepted has none.
        """
        try:
            result = self._program.evaluate(None, bindings)
        except JException as error:
            raise self._error(f"threw an error during evaluation. {error.error}: {error}") from error
        except Exception as error:
            # The library lets Python's own errors out: a division by zero, an invalid number, recursion.
            raise self._error(f"threw an error during evaluation: {error or type(error).__name__}") from error
        if result is None:
            raise self._error("returned nothing (undefined).")
        try:
            return _plain(result)
        except TypeError as error:
            raise self._error("returned an unsupported result type.") from error

    def wrong_type(self, expected: str, value: Any) -> EvaluationError:
        """The error for a value that is JSON but not what the field takes."""
        return self._error(
            f"returned an unexpected result type. Expected '{expected}', "
            f"but was '{type_name(value)}' for value: {compact(value)}"
        )

    def _error(self, words: str) -> EvaluationError:
        text = f"The JSONata expression '{self.source}' specified for the field '{self.location}' {words}"
        return EvaluationError(text, self.location)

    def members_of_states(self) -> Iterator[str]:
        """The names that follow ``$states.`` in the expression: input, result, context, errorOutput.

        Raises ExpressionSyntaxError, with the field, for what is no expression.
        """
        try:
            return _states_members(self._program.ast)
        except ExpressionSyntaxError as error:
            raise ExpressionSyntaxError(f"{error} at {self.location}") from error


def bind(value: Any) -> Any:
    """A value as the library wants variables: a JSON null at the top is its own null object."""
    return _NULL if value is None else value


def type_name(value: Any) -> str:
    """The JSON name of a value's type, as AWS writes it in causes."""
    if value is None:
        return "null"
    names: dict[type, str] = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


def _compile(source: str) -> Jsonata:
    if not source:
        raise ExpressionSyntaxError("an expression must not be empty")
    try:
        program = Jsonata(source)
    except (JException, ValueError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ExpressionSyntaxError(str(error)) from error
    # Most expressions do not have the two signs at all; walking through all of them would be half the load.
    if "$$" in source and any(n.type == "variable" and n.value == "$" for n in _nodes(program.ast)):
        raise ExpressionSyntaxError("'$$' is not allowed: there is no input document, use $states.input")
    program.set_output_convert_nulls(False)
    program.assign("eval", None)  # Step Functions has no $eval: an invocation of nothing, T1006
    for name, function in FUNCTIONS.items():
        program.register_lambda(name, function)
    return program


def _nodes(node: Any) -> Iterator[Any]:
    """Every node of the library's syntax tree."""
    seen: set[int] = set()
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack.extend(item)
        elif hasattr(item, "__dict__") and hasattr(item, "type") and id(item) not in seen:
            seen.add(id(item))
            yield item
            stack.extend(value for key, value in vars(item).items() if key not in ("_outer_instance",))


def _states_members(ast: Any) -> Iterator[str]:
    for node in _nodes(ast):
        steps = getattr(node, "steps", None)
        if node.type != "path" or not steps or len(steps) < 2:
            continue
        first, second = steps[0], steps[1]
        if first.type == "variable" and first.value == "states" and second.type == "name":
            yield str(second.value)


def _plain(value: Any) -> Any:
    """A library value as plain JSON; raises TypeError for functions and regular expressions."""
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return value
    if kind is float:
        return _plain_number(value)
    if value is _NULL or value is None:
        return None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(item) for item in value]
    raise TypeError(f"{kind.__name__} is not JSON")


def _plain_number(value: float) -> float | int:
    if not math.isfinite(value):
        raise TypeError("not a JSON number")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _with_nulls(value: Any) -> Any:
    return _NULL if value is None else value
