"""JSONata as Step Functions evaluates it: compiled expressions under a budget, AWS's words for errors.

Source: the AWS guide to JSONata in Step Functions, and recorded executions (facts/histories.md 4.2 and 5).
The language itself is ``engine/jsonata``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stepherd.engine.asl.intrinsics import FUNCTIONS
from stepherd.engine.asl.references import unsupported_references
from stepherd.engine.asl.turns import TURN
from stepherd.engine.asl.values import compact
from stepherd.engine.jsonata.errors import ExpressionTooLongError, JsonataError
from stepherd.engine.jsonata.program import Program
from stepherd.engine.jsonata.scope import Run
from stepherd.engine.jsonata.values import UNDEFINED, number_text

__all__ = ["Bindings", "EvaluationError", "Expression", "ExpressionSyntaxError", "Variables", "type_name"]

Bindings = Mapping[str, Any]

_DEEPEST = 400
"""Arrays and objects inside of each other in a result: more than that and Python's own reader gives up."""
_SHORT = 16
"""Characters of a text that its place in an array or object has paid for."""
_WRITTEN = 8
"""Space of a character in a result: it is written as JSON, and one text may be there many times."""
_NEWER = "Step Functions has JSONata 2.0.6, which has neither ?? nor ?:"


class Variables(dict[str, Any]):
    """The bindings of a state's fields, and the one budget that all their expressions share."""

    __slots__ = ("run",)

    def __init__(self, names: Mapping[str, Any]) -> None:
        super().__init__(names)
        self.run = Run()


class ExpressionSyntaxError(Exception):
    """The text is not an expression that Step Functions would take."""


class EvaluationError(Exception):
    """An expression failed. ``location`` is the field's path, absent where AWS gives none."""

    def __init__(self, cause: str, location: str | None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.location = location


class Expression:
    """One JSONata expression and the field it stands in. Compiled when it is first looked at."""

    __slots__ = ("_compiled", "location", "source")

    def __init__(self, source: str, location: str) -> None:
        self.source = source.strip()
        self.location = location
        self._compiled: Program | None = None

    @property
    def _program(self) -> Program:
        if self._compiled is None:
            self._compiled = _compile(self.source)
        return self._compiled

    def evaluate(self, bindings: Bindings) -> Any:
        """The value as plain JSON; raises EvaluationError for undefined, thrown and non-JSON results.

        So does what is no expression, which a definition that was accepted does not have, and what is too
        long, too deep or too large. Bindings that are ``Variables`` share one budget.
        """
        run = bindings.run if isinstance(bindings, Variables) else Run()
        try:
            result = self._program.run(bindings, run, FUNCTIONS)
            if result is not UNDEFINED:
                return _plain(result, run, 0)
        except ExpressionTooLongError as error:
            raise self._error(f"threw an error during evaluation: {error}") from error
        except JsonataError as error:
            raise self._error(f"threw an error during evaluation. {error.code}: {error}") from error
        except _UnsupportedError as error:
            raise self._error("returned an unsupported result type.") from error
        except Exception as error:
            # Whatever Python itself has to say: recursion, memory, a number that is too large.
            raise self._error(f"threw an error during evaluation: {error or type(error).__name__}") from error
        finally:
            if run.used:
                TURN.spend(run.used)
        raise self._error("returned nothing (undefined).")

    def wrong_type(self, expected: str, value: Any) -> EvaluationError:
        """The error for a value that is JSON but not what the field takes."""
        return self._error(
            f"returned an unexpected result type. Expected '{expected}', "
            f"but was '{type_name(value)}' for value: {compact(value)}"
        )

    def _error(self, words: str) -> EvaluationError:
        text = f"The JSONata expression '{self.source}' specified for the field '{self.location}' {words}"
        return EvaluationError(text, self.location)

    def unsupported(self, allowed: frozenset[str]) -> list[str]:
        """References in the expression that Step Functions does not take there, in AWS's words.

        ``allowed`` are the members of ``$states`` that the field may use. Raises ExpressionSyntaxError for
        what is no expression.
        """
        return unsupported_references(self._program.tree, allowed)


class _UnsupportedError(Exception):
    """A result that is not JSON."""


def type_name(value: Any) -> str:
    """The JSON name of a value's type, as AWS writes it in causes."""
    if value is None:
        return "null"
    names: dict[type, str] = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


def _compile(source: str) -> Program:
    try:
        return Program(source)
    except JsonataError as error:
        newer = error.code == "S0211" and ("??" in source or "?:" in source)
        raise ExpressionSyntaxError(f"{error} ({_NEWER})" if newer else str(error)) from error
    except RecursionError as error:
        raise ExpressionSyntaxError("it is nested too deeply") from error


def _plain(value: Any, run: Run, depth: int) -> Any:
    """A result as plain JSON, copied; raises _UnsupportedError for functions."""
    kind = type(value)
    if kind is str:
        if len(value) > _SHORT:
            run.make(_WRITTEN * len(value))
        return value
    if kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return _plain_number(value)
    if depth > _DEEPEST:
        raise ExpressionTooLongError("The result is nested too deeply")
    if isinstance(value, dict):
        run.make(32 + 32 * len(value))
        members = value.items()
        return {key: _plain(item, run, depth + 1) for key, item in members if item is not UNDEFINED}
    if isinstance(value, list):
        run.make(32 + 16 * len(value))
        return [None if item is UNDEFINED else _plain(item, run, depth + 1) for item in value]
    raise _UnsupportedError(f"{kind.__name__} is not JSON")


def _plain_number(value: float) -> float | int | str:
    if not math.isfinite(value):
        # JSON has no such numbers; Step Functions writes their names.
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    # Up to 1e21 JavaScript writes whole numbers without an exponent.
    return int(number_text(value)) if value.is_integer() and abs(value) < 1e21 else value
