"""Values as text: ``$string``, the operator ``&``, and what a transform copies."""

from __future__ import annotations

import json
import math
from typing import Any

from stepherd.engine.jsonata.errors import JsonataError
from stepherd.engine.jsonata.scope import Run
from stepherd.engine.jsonata.values import UNDEFINED, Function, keys_in_order, number, number_text

__all__ = ["copied", "rounded", "text_of"]

_quoted = json.JSONEncoder(ensure_ascii=False).encode


def rounded(value: float) -> float | int:
    """A number with the 15 digits that JSONata prints."""
    if type(value) is int and -(10**15) < value < 10**15:
        return value
    return number(float(f"{value:.15g}"))


def text_of(value: Any, run: Run, *, pretty: bool = False) -> str:
    """A value as ``$string`` gives it; raises D3001 for a number that is infinite or none."""
    if isinstance(value, str):
        return value
    if isinstance(value, Function):
        return ""
    if type(value) is float and not math.isfinite(value):
        raise JsonataError("D3001", value=None)
    parts: list[str] = []
    _write(value, parts, run, "\n" if pretty else "")
    return "".join(parts)


def _write(value: Any, parts: list[str], run: Run, line: str) -> None:
    if isinstance(value, str):
        part = _quoted(value)
    elif isinstance(value, list):
        _write_all(parts, run, line, "[]", [("", item) for item in value])
        return
    elif isinstance(value, dict):
        members = [(key, value[key]) for key in keys_in_order(value)]
        colon = '": ' if line else '":'
        named = [(_quoted(key)[:-1] + colon, item) for key, item in members if item is not UNDEFINED]
        _write_all(parts, run, line, "{}", named)
        return
    else:
        part = _scalar(value)
    run.make(len(part) + 40)
    parts.append(part)


def _scalar(value: Any) -> str:
    if value is None or value is UNDEFINED:
        return "null"
    if type(value) is bool:
        return "true" if value else "false"
    if isinstance(value, Function):
        return '""'
    return number_text(rounded(value)) if math.isfinite(value) else "null"


def _write_all(parts: list[str], run: Run, line: str, brackets: str, items: list[tuple[str, Any]]) -> None:
    run.make(40 + 100 * len(items))
    if not items:
        parts.append(brackets)
        return
    inner = line and line + "  "
    opener = brackets[0]
    for name, item in items:
        parts.append(opener + inner + name)
        _write(item, parts, run, inner)
        opener = ","
    parts.append(line + brackets[1])


def copied(value: Any, run: Run, made: set[int] | None = None) -> Any:
    """A copy at any depth, as printing and reading it again would give; ``made`` gets the ids of its
    objects."""
    run.make(16)
    if isinstance(value, list):
        run.make(40 + 16 * len(value))
        return [None if item is UNDEFINED else copied(item, run, made) for item in value]
    if isinstance(value, dict):
        run.make(100 + 100 * len(value))
        result = {key: copied(item, run, made) for key, item in value.items()}
        if made is not None:
            made.add(id(result))
        return result
    if isinstance(value, Function):
        return ""
    if type(value) is float:
        return rounded(value) if math.isfinite(value) else None
    return rounded(value) if type(value) is int else value
