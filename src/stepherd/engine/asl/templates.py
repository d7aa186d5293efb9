"""JSON with JSONata inside: the fields ``Output``, ``Assign``, ``Arguments`` and their like.

A string is an expression when it begins with ``{%`` and ends with ``%}``; everything else passes unchanged,
keys included. Compiled once per state machine, evaluated often.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stepherd.engine.asl.expressions import Bindings, EvaluationError, Expression, ExpressionSyntaxError

__all__ = ["Template", "compile_template", "is_expression"]


def is_expression(value: Any) -> bool:
    """Whether a JSON value is a string that holds one JSONata expression."""
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}") and len(value) >= 4


class Template:
    """A compiled field. ``evaluate`` gives plain JSON or raises EvaluationError."""

    __slots__ = ()

    def evaluate(self, bindings: Bindings) -> Any:  # noqa: ARG002
        """The field's value under these bindings."""
        raise AssertionError

    def expressions(self) -> Iterator[Expression]:
        """All expressions that it contains."""
        yield from ()

    def wrong_type(self, expected: str, value: Any) -> EvaluationError:
        """The error for a value that the field does not take; literals are checked when loaded."""
        return EvaluationError(f"Expected '{expected}', but was {value!r}", None)


@dataclass(frozen=True, slots=True)
class Literal(Template):
    """A value without any expression."""

    value: Any

    def evaluate(self, bindings: Bindings) -> Any:  # noqa: ARG002
        """The value itself, unchanged."""
        return self.value


@dataclass(frozen=True, slots=True)
class Computed(Template):
    """A value that is one expression."""

    expression: Expression

    def evaluate(self, bindings: Bindings) -> Any:
        """Evaluate the expression and return its value."""
        return self.expression.evaluate(bindings)

    def expressions(self) -> Iterator[Expression]:
        """Only the expression itself."""
        yield self.expression

    def wrong_type(self, expected: str, value: Any) -> EvaluationError:
        """The error in AWS's words, with the expression and its field."""
        return self.expression.wrong_type(expected, value)


@dataclass(frozen=True, slots=True)
class Members(Template):
    """An object with an expression somewhere inside."""

    members: tuple[tuple[str, Template], ...]

    def evaluate(self, bindings: Bindings) -> Any:
        """The object, members evaluated in order."""
        return {key: template.evaluate(bindings) for key, template in self.members}

    def expressions(self) -> Iterator[Expression]:
        """All expressions of all members."""
        for _, template in self.members:
            yield from template.expressions()


@dataclass(frozen=True, slots=True)
class Elements(Template):
    """An array with an expression somewhere inside."""

    elements: tuple[Template, ...]

    def evaluate(self, bindings: Bindings) -> Any:
        """The array, elements evaluated in order."""
        return [template.evaluate(bindings) for template in self.elements]

    def expressions(self) -> Iterator[Expression]:
        """All expressions of all elements."""
        for template in self.elements:
            yield from template.expressions()


def compile_template(value: Any, location: str) -> Template:
    """Compile a field. ``location`` is its path as AWS writes it (``Output/a[0]``).

    The expression inside ``{% %}`` is not compiled yet. Raises ExpressionSyntaxError for a text with only one
    of the two signs.
    """
    if isinstance(value, str):
        return _compile_text(value, location)
    if isinstance(value, dict):
        members = tuple((key, compile_template(item, f"{location}/{key}")) for key, item in value.items())
        return Literal(value) if all(isinstance(t, Literal) for _, t in members) else Members(members)
    if isinstance(value, list):
        elements = tuple(compile_template(item, f"{location}[{i}]") for i, item in enumerate(value))
        return Literal(value) if all(isinstance(t, Literal) for t in elements) else Elements(elements)
    return Literal(value)


def _compile_text(text: str, location: str) -> Template:
    if is_expression(text):
        return Computed(Expression(text[2:-2], location))
    if text.startswith("{%") != text.endswith("%}") and ("{%" in text) != ("%}" in text):
        raise ExpressionSyntaxError(f"an expression begins with '{{%' and ends with '%}}' at {location}")
    return Literal(text)
