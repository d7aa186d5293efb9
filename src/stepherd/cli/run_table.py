"""A table of runs that fits a terminal, and the same in whole lines for a file or a program."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from stepherd.client.run_text import status_colour, status_text, waiting_remark
from stepherd.text.durations import age_text, seconds_text
from stepherd.text.terminal import cut, one_line, width

if TYPE_CHECKING:
    from stepherd.client.records import Run

__all__ = ["colour_of", "table", "whole_line"]

_GAP: Final = "  "
_HEADS: Final = ("RUN", "STATUS", "AGE", "COST", "AGENT", "REPO", "BRANCH", "TITLE")
_RIGHT: Final = frozenset({"AGE", "COST"})
_FLEXIBLE: Final = {"TITLE": 16, "BRANCH": 10, "REPO": 10}
"""Columns that are cut where the terminal is narrow, and what is left of each at least."""
_ROOMY: Final = {"TITLE": 32, "BRANCH": 16, "REPO": 16}
"""The room, in columns, that these must have for whole ids to be shown."""
_FIRST_TO_GO: Final = ("BRANCH", "REPO", "AGENT", "COST", "TITLE")
_GENERATED: Final = re.compile(r"run_\d{8}T\d{6}Z_([0-9a-f]{6})")


def table(runs: Sequence[Run], columns: int, now: float) -> list[str]:
    """The head and a line for each run, none longer than ``columns``.

    Columns that say nothing of any run are left out. Where there is no room for whole ids, those that were
    made from the time are shown by their last part, which every command takes.
    """
    rows = [_cells(run, now) for run in runs]
    names = [name for name in _HEADS if any(row[name] for row in rows)]
    if _least(rows, names, _ROOMY) > columns:
        _shorten_ids(rows)
    for name in _FIRST_TO_GO:
        if _least(rows, names, _FLEXIBLE) <= columns:
            break
        names = [each for each in names if each != name]
    widths = _fitted(rows, names, columns)
    lines = [{name: name for name in names}, *rows]
    return [cut(_line(line, names, widths), columns) for line in lines]


def whole_line(run: Run, column: int, now: float) -> str:
    """All of a run in one line of any length; ``column`` is how wide the ids are."""
    began = run.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    took = seconds_text((run.stopped.timestamp() if run.stopped else now) - run.started.timestamp())
    cells = _cells(run, now)
    about = [
        cells["AGENT"],
        one_line(run.repo or ""),
        one_line(run.branch or ""),
        cells["COST"],
        cells["TITLE"],
    ]
    return _GAP.join(
        [f"{run.id:<{column}}", f"{cells['STATUS']:<9}", began, f"{took:>12}", *filter(None, about)]
    )


def colour_of(run: Run) -> str:
    """The colour of its line."""
    return "yellow" if run.waiting_for else status_colour(run.status)


def _cells(run: Run, now: float) -> dict[str, str]:
    return {
        "RUN": run.id,
        "STATUS": waiting_remark(run.waiting_for) if run.waiting_for else status_text(run.status),
        "AGE": age_text(now - run.started.timestamp()),
        "COST": _cost(run.cost_usd),
        "AGENT": one_line(run.agent or ""),
        "REPO": _repository(one_line(run.repo or "")),
        "BRANCH": _branch(run),
        "TITLE": one_line(run.title or ""),
    }


def _cost(cost: float | None) -> str:
    if cost is None:
        return ""
    return "<$0.01" if 0 < cost < 0.01 else f"${cost:,.2f}"


def _repository(repo: str) -> str:
    """The name of a folder, or the last two parts of an address."""
    parts = [part for part in re.split(r"[/:]", repo.rstrip("/").removesuffix(".git")) if part]
    return "/".join(parts[-1:] if repo.startswith(("/", "file:")) else parts[-2:])


def _branch(run: Run) -> str:
    """A run's own branch ends with its id, which stands in front already."""
    branch = one_line(run.branch or "")
    return f"{branch.removesuffix(run.id)}…" if branch.endswith(f"/{run.id}") else branch


def _shorten_ids(rows: Sequence[dict[str, str]]) -> None:
    short = [found[1] if (found := _GENERATED.fullmatch(row["RUN"])) else row["RUN"] for row in rows]
    for row, text in zip(rows, short, strict=True):
        if short.count(text) == 1:
            row["RUN"] = text


def _natural(rows: Sequence[dict[str, str]], name: str) -> int:
    return max(width(name), *(width(row[name]) for row in rows))


def _least(rows: Sequence[dict[str, str]], names: Sequence[str], least: Mapping[str, int]) -> int:
    """How wide a line is in which each column of ``least`` is cut to so much."""
    needed = [min(_natural(rows, name), least.get(name, sys.maxsize)) for name in names]
    return sum(needed) + len(_GAP) * (len(names) - 1)


def _fitted(rows: Sequence[dict[str, str]], names: Sequence[str], columns: int) -> dict[str, int]:
    """The width of each column: the least of each that can be cut, and then as much as there is room for."""
    natural = {name: _natural(rows, name) for name in names}
    widths = {name: min(natural[name], _FLEXIBLE.get(name, natural[name])) for name in names}
    room = columns - sum(widths.values()) - len(_GAP) * (len(names) - 1)
    for name in ("REPO", "BRANCH", "TITLE"):
        if name in widths:
            share = room if name == "TITLE" else room // 3
            more = max(0, min(natural[name] - widths[name], share))
            widths[name] += more
            room -= more
    return widths


def _line(row: dict[str, str], names: Sequence[str], widths: dict[str, int]) -> str:
    cells = []
    for name in names:
        text = cut(row[name], widths[name])
        space = " " * (widths[name] - width(text))
        cells.append(space + text if name in _RIGHT else text + space)
    return _GAP.join(cells).rstrip()
