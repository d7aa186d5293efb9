"""What a benchmark found, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Result", "show", "write"]


@dataclass(frozen=True, slots=True)
class Result:
    """One figure beside its baseline (None: there is none) and its aim."""

    what: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    aim: str
    met: bool


def show(results: Sequence[Result]) -> str:
    """Return the results as a table."""
    heads = ("what", "value", "baseline", "ratio", "aim", "met")
    rows = [
        (
            result.what,
            f"{result.value:g} {result.unit}",
            "-" if result.baseline is None else f"{result.baseline:g} {result.unit}",
            "-" if result.ratio is None else f"{result.ratio:g}",
            result.aim,
            "yes" if result.met else "NO",
        )
        for result in results
    ]
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    rule = tuple("-" * width for width in widths)
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, rule, *rows)
    ]
    return "\n".join(lines)


def write(results: Sequence[Result], path: Path) -> None:
    """Write the results as a JSON list."""
    path.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
