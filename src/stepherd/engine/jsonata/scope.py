"""Where names are bound, and the budget of one evaluation.

Everything that can repeat pays: a step for a call or an item, space for what is made. So no expression
runs longer or grows larger than its budget, whatever it says.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from stepherd.engine.jsonata.errors import ExpressionTooLongError
from stepherd.engine.jsonata.values import UNDEFINED

__all__ = [
    "MAX_DEPTH",
    "MAX_NESTING",
    "NESTED_TOO_DEEPLY",
    "MAX_SPACE",
    "MAX_STEPS",
    "MAX_TIME",
    "MAX_VALUE",
    "TOO_LARGE",
    "Run",
    "Scope",
]

MAX_STEPS = 20_000_000
"""Steps of one evaluation: calls, items looked at, places that a regular expression tries."""

MAX_TIME = 1.0
"""Seconds of processor time of one evaluation, from its first two thousand steps on."""

MAX_DEPTH = 1_000
"""Calls inside of calls. A call in last position takes the place of its caller and does not count."""

MAX_SPACE = 100_000_000
"""The space that one evaluation may use: 1 for each character, 16 for each place in an array or object."""

MAX_NESTING = 100
"""Parts of an expression inside of each other, those of functions under way included, as on AWS."""

MAX_VALUE = 6_990_256
"""Largest text, in characters, and largest sequence of a range, in 8 bytes for each number, as on AWS."""

_BETWEEN_LOOKS = 2_000
_UNBOUND: Any = object()
_TIMEOUT = "Expression evaluation timeout: Check for infinite loop"
NESTED_TOO_DEEPLY = (
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive"
)
TOO_LARGE = "Expression evaluation memory limit exceeded: Check for excessive memory usage"
"""AWS's words for an expression whose values are too large."""


class Run:
    """The budget of one evaluation, or of several that share it, and their time of day."""

    __slots__ = ("_deadline", "_moment", "_steps", "around", "depth", "left", "space", "used")

    def __init__(self) -> None:
        self.left = _BETWEEN_LOOKS
        self.depth = 0
        self.around = 0
        """The parts of the expression around the body of the function that is under way."""
        self.space = MAX_SPACE
        self.used = 0.0
        """Seconds of processor time until the last look; 0 for what was over before the first one."""
        self._steps = MAX_STEPS
        self._deadline = 0.0
        self._moment: float | None = None

    @property
    def moment(self) -> float:
        """The time in seconds since the epoch: one and the same for the whole evaluation."""
        if self._moment is None:
            self._moment = time.time()
        return self._moment

    def look(self) -> None:
        """Steps have been used up: look at the clock, and go to the next ones."""
        now = time.thread_time()
        if not self._deadline:
            self._deadline = now + MAX_TIME
        self._steps -= _BETWEEN_LOOKS - self.left
        self.left = _BETWEEN_LOOKS
        self.used = MAX_TIME - (self._deadline - now)
        if self._steps < 0 or now > self._deadline:
            raise ExpressionTooLongError(_TIMEOUT)

    def step(self, count: int = 1) -> None:
        """Pay for ``count`` steps of work. Raises ExpressionTooLongError when the budget is used up."""
        self.left -= count
        if self.left < 0:
            self.look()

    def make(self, space: int) -> None:
        """Pay for a new value, before it is made. Raises ExpressionTooLongError when it would be too much."""
        self.space -= space
        if self.space < 0:
            raise ExpressionTooLongError(TOO_LARGE)
        self.left -= 1 + (space >> 6)
        if self.left < 0:
            self.look()

    def picture(self, picture: str, text: str = "") -> None:
        """Pay for a picture: each of its signs may cost a look at all of it, and at the text."""
        size = len(picture)
        self.make(20 * size + len(text))
        self.step((size * (size + len(text))) >> 7)

    def hold(self, size: int) -> None:
        """Refuse a text of so many characters, or a sequence of so many bytes, that is too large for AWS."""
        if size > MAX_VALUE:
            raise ExpressionTooLongError(TOO_LARGE)

    def text(self, value: str) -> str:
        """Pay for a new text, and give it."""
        self.make(len(value))
        return value

    def deeper(self) -> None:
        """Begin a call inside of the present one."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionTooLongError(NESTED_TOO_DEEPLY)


class Scope:
    """Names and their values, inside of an outer scope."""

    __slots__ = ("names", "outer", "run")

    def __init__(self, names: Mapping[str, Any], outer: Scope | None, run: Run) -> None:
        self.names = names
        self.outer = outer
        self.run = run

    def inner(self, names: Mapping[str, Any] | None = None) -> Scope:
        """A new scope inside of this one."""
        return Scope({} if names is None else names, self, self.run)

    def put(self, name: str, value: Any) -> None:
        """Bind a name here. Only scopes that were made with a dict of their own are bound in."""
        assert isinstance(self.names, dict)
        self.names[name] = value

    def find(self, name: str) -> Any:
        """The value of a name, from the innermost scope that has it, be it bound to nothing."""
        scope: Scope | None = self
        while scope is not None:
            value = scope.names.get(name, _UNBOUND)
            if value is not _UNBOUND:
                return value
            scope = scope.outer
        return UNDEFINED
