"""Reading one object of a definition field by field, collecting what is wrong instead of stopping at it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stepherd.engine.asl.expressions import Expression, ExpressionSyntaxError
from stepherd.engine.asl.templates import Template, compile_template, is_expression

__all__ = ["Fields", "Problem", "Problems"]

_MISSING: Any = object()
_OF_JSONPATH = frozenset([
    "InputPath", "OutputPath", "ResultPath", "ResultSelector", "Parameters", "Result", "ItemsPath",
    "MaxConcurrencyPath", "SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath",
    "ErrorPath", "CausePath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
])  # fmt: skip
_JSONPATH_FIELD = (
    "The QueryLanguage is set to 'JSONata', but field '{}' is only supported for the 'JSONPath' QueryLanguage"
)
ENTRY_MEMBERS = frozenset({"input", "context"})
"""The members of ``$states`` that every field may use."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: AWS's code, words, and the path as in ``/States/Work/Next``.

    The path is empty for what is wrong with no field in particular.
    """

    message: str
    path: str
    code: str = "SCHEMA_VALIDATION_FAILED"

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.path or 'null'}"


class Problems(list[Problem]):
    """A problem in a definition."""

    def __init__(self, *, of_expressions: bool = True) -> None:
        """Without ``of_expressions`` they are not looked into: the definition was accepted before."""
        super().__init__()
        self.of_expressions = of_expressions
        self.language = "JSONata"
        """The query language of the machine, which states in a branch or an item processor have, too."""


class Fields:
    """An object and its path. Every field that is read is known; ``finish`` refuses the others by name."""

    def __init__(self, value: Any, path: str, problems: Problems, *, location: str = "") -> None:
        self.path = path
        self._problems = problems
        self._location = location
        self._read: set[str] = set()
        self._value: dict[str, Any] = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            self.wrong("must be an object")

    def wrong(self, message: str, name: str = "", code: str = "SCHEMA_VALIDATION_FAILED") -> None:
        """Note a problem with a field, or with the object itself."""
        self._problems.append(Problem(message, f"{self.path}/{name}" if name else self.path or "/", code))

    @property
    def language(self) -> str:
        """The query language of the machine."""
        return self._problems.language

    def take(self, name: str, default: Any = None) -> Any:
        """The raw value of a field."""
        self._read.add(name)
        return self._value.get(name, default)

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._value

    def text(self, name: str, *, required: bool = False) -> str | None:
        """A field that is a string."""
        value = self.take(name, _MISSING)
        if value is _MISSING:
            if required:
                self.wrong(f"The field '{name}' is required but was missing")
            return None
        if not isinstance(value, str):
            self.wrong(f"The value of the field '{name}' must be a string", name)
            return None
        return value

    def target(self, name: str, *, required: bool = False) -> str | None:
        """A field that is the name of a state; whether there is one is looked at later."""
        value = self.text(name, required=required)
        if value == "":
            self.wrong(f"Missing '{name}' target: ", name, "MISSING_TRANSITION_TARGET")
        return value

    def number(self, name: str, low: float, high: float, *, whole: bool = True) -> float | None:
        """A field that is a literal number within bounds."""
        value = self.take(name)
        if value is None:
            return None
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            kind = "an integer" if whole else "a number"
            self.wrong(f"Value is not {kind} between {low} and {high}", name)
            return None
        return float(value) if not whole else value

    def template(self, name: str, *extra: str, location: str | None = None) -> Template | None:
        """A field that takes JSON with expressions; ``extra`` are the members of $states it may also use."""
        self._read.add(name)
        if not self.has(name):
            return None
        where = location or (f"{self._location}/{name}" if self._location else name)
        try:
            template = compile_template(self.take(name), where)
        except ExpressionSyntaxError as error:
            self.wrong(f"The JSONata expression could not be read: {error}", name)
            return None
        except RecursionError:
            self.wrong("The value is nested too many times", name)
            return None
        if self._problems.of_expressions:
            for expression in template.expressions():
                self._check_expression(expression, ENTRY_MEMBERS | set(extra))
        return template

    def _check_expression(self, expression: Expression, allowed: frozenset[str]) -> None:
        path = f"{self.path.removesuffix(f'/{self._location}')}/{expression.location}"
        try:
            unsupported = expression.unsupported(allowed)
        except ExpressionSyntaxError as error:
            self._problems.append(Problem(str(error), path, "INVALID_JSONATA_EXPRESSION"))
            return
        except Exception as error:  # noqa: BLE001 - the language lets its own faults out
            words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._problems.append(Problem(words, path, "INVALID_JSONATA_EXPRESSION"))
            return
        self._problems += [Problem(words, path, "UNSUPPORTED_JSONATA_EXPRESSION") for words in unsupported]

    def count(self, name: str, low: int, high: int, *, whole: bool = True) -> Template | None:
        """A field that takes a whole number or an expression that gives one."""
        value = self.take(name)
        if value is None:
            return None
        if not is_expression(value) and self.number(name, low, high, whole=whole) is None:
            return None
        return self.template(name)

    def words(self, name: str) -> Template | None:
        """A field that takes a string or an expression that gives one."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            self.wrong(f"The value of the field '{name}' must be a string", name)
            return None
        return self.template(name)

    def assignments(self, *extra: str) -> Template | None:
        """``Assign``: an object whose keys are variable names."""
        value = self.take("Assign", _MISSING)
        if value is _MISSING:
            return None
        if not isinstance(value, dict):
            self.wrong("The value of the field 'Assign' must be an object", "Assign")
            return None
        for key in value:
            if key == "states" or not key.isidentifier() or len(key) > 80:
                self.wrong(f"'{key}' is not a variable name", "Assign")
        return self.template("Assign", *extra)

    def each(self, name: str) -> Iterator[Fields]:
        """The objects of an array field."""
        value = self.take(name, [])
        if not isinstance(value, list):
            self.wrong(f"The value of the field '{name}' must be an array", name)
            return
        for index, item in enumerate(value):
            yield self.inside(item, f"{name}[{index}]")

    def inside(self, value: Any, name: str) -> Fields:
        """A reader for an object that stands below this one."""
        location = f"{self._location}/{name}" if self._location else name
        return Fields(value, f"{self.path}/{name}", self._problems, location=location)

    def names(self) -> list[str]:
        """The field names that are there."""
        return list(self._value)

    def finish(self, what: str) -> None:
        """Refuse every field that nothing has read: not supported is never ignored."""
        for name in self._value:
            if name in self._read:
                continue
            if name in _OF_JSONPATH:
                self.wrong(_JSONPATH_FIELD.format(name))
                continue
            alike = difflib.get_close_matches(name, self._read, 1)
            hint = f": did you mean '{alike[0]}'?" if alike and alike[0] not in self._value else ""
            self.wrong(f"Field '{name}' is not supported by {what}{hint}", name)
