"""Numbers as values of options: click takes ``nan``, ``1e999``, ``1_000`` and the digits of any script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stepherd.services.number_text import read_number, read_seconds, read_whole

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Age", "Amount", "Seconds", "WholeNumber"]


class _Number(click.ParamType):  # type: ignore[type-arg]  # click 8.1 knows no argument of it
    _read: Callable[[str], float]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of a text; a default is one already. Raises click's BadParameter."""
        if not isinstance(value, str):
            return float(value) if isinstance(self, Amount) else int(value)
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(f"'{value[:40]}' is {error}.", param, ctx)


class Amount(_Number):
    """A finite number, as a float."""

    name = "number"
    _read = staticmethod(read_number)


class WholeNumber(_Number):
    """A whole number, as an int; ``bounds`` are the least and the most."""

    name = "integer"
    _read = staticmethod(read_whole)

    def __init__(self, *bounds: int) -> None:
        self._bounds = bounds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of a text, within the bounds. Raises click's BadParameter."""
        number = super().convert(value, param, ctx)
        if self._bounds and not self._bounds[0] <= number <= self._bounds[1]:
            low, high = self._bounds
            self.fail(f"{number} is not in the range from {low:,} to {high:,}.", param, ctx)
        return number


class Seconds(WholeNumber):
    """A duration such as ``600``, ``10m`` or ``1h30m``, as whole seconds."""

    name = "duration"
    _read = staticmethod(read_seconds)


class Age(Seconds):
    """A duration with its unit: a mere number may be meant in days, and what is older is removed."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As whole seconds. Raises click's BadParameter."""
        if isinstance(value, str) and value.strip()[-1:] not in {*"smhdw"}:
            self.fail(f"'{value[:40]}' is not an age such as 30d, 12h, 90m or 4w.", param, ctx)
        return super().convert(value, param, ctx)
