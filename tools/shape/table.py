"""Figures in sections of rows: as a table or as one JSON object, alone or beside earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Number", "Section", "percentiles", "section_lines", "to_json"]

Number = int | float | None
PERCENTILES = (50, 90, 99, 100)


@dataclass(frozen=True)
class Section:
    """A part of the figures. ``named`` are the places behind them, one line each."""

    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[Number, ...]]
    named: tuple[str, ...] = ()


def percentiles(values: Sequence[int]) -> tuple[Number, ...]:
    """The 50th, 90th, 99th and the largest, each one of the values (nearest rank); None of nothing."""
    ranked = sorted(values)
    return tuple(ranked[-(-len(ranked) * percent // 100) - 1] if ranked else None for percent in PERCENTILES)


def to_json(sections: Sequence[Section]) -> dict[str, Any]:
    """``{title: {"rows": {row: {column: number}}, "named": [...]}}``."""
    return {
        section.title: {
            "rows": {
                name: dict(zip(section.columns, row, strict=True)) for name, row in section.rows.items()
            },
            "named": list(section.named),
        }
        for section in sections
    }


def section_lines(section: Section, earlier: Mapping[str, Any] | None = None) -> Iterator[str]:
    """The section as a table. With ``earlier``, the object of ``to_json``, cells that differ show both."""
    before = (earlier or {}).get(section.title, {}).get("rows", {})
    now = to_json([section])[section.title]["rows"]
    names = [*now, *(name for name in before if name not in now)]
    rows = [(section.title, *section.columns)]
    for name in names:
        cells = [
            _cell(now.get(name, {}).get(column), before.get(name, {}).get(column), bool(earlier))
            for column in section.columns
        ]
        rows.append((name, *cells))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join([row[0].ljust(widths[0]), *padded[1:]])
    yield from (f"  {line}" for line in section.named)


def _cell(now: Number, before: Number, compared: bool) -> str:
    return f"{_text(before)} → {_text(now)}" if compared and now != before else _text(now)


def _text(value: Number) -> str:
    return "-" if value is None else str(value)
