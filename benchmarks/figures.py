"""The figures that a benchmark gives: how they are shown and kept."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Figure", "median_seconds", "print_table", "write_json"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``ratio`` is value / baseline, ``aim`` is in words."""

    what: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    aim: str
    met: bool

    @classmethod
    def of(
        cls, what: str, value: float, unit: str, aim: str, met: bool, baseline: float | None = None
    ) -> Figure:
        """A figure with its ratio worked out."""
        ratio = None if not baseline else round(value / baseline, 3)
        return cls(
            what, round(value, 3), unit, None if baseline is None else round(baseline, 3), ratio, aim, met
        )


def median_seconds(action: Callable[[], object], times: int) -> float:
    """The median wall time of an action; machines are noisy, so never a mean."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def print_table(figures: list[Figure]) -> None:
    """The table, widest column first."""
    head = ("what", "value", "unit", "baseline", "ratio", "aim", "met")
    rows = [head, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(figure: Figure) -> tuple[str, ...]:
    cells = ["" if cell is None else str(cell) for cell in list(asdict(figure).values())[:-1]]
    return (*cells, "yes" if figure.met else "NO")


def write_json(figures: list[Figure], path: Path) -> None:
    """The figures as ``benchmarks/latest.json``."""
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
