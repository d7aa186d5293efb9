"""A stable merge sort with any comparison, paid for by steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stepherd.engine.jsonata.scope import Run

__all__ = ["merge_sorted"]


def merge_sorted(items: list[Any], after: Callable[[Any, Any], bool], run: Run) -> list[Any]:
    """The items in order; ``after`` says whether the first of two belongs behind the second."""
    if len(items) <= 1:
        return items
    run.make(32 * len(items))
    middle = len(items) // 2
    left = merge_sorted(items[:middle], after, run)
    right = merge_sorted(items[middle:], after, run)
    merged: list[Any] = []
    at = behind = 0
    while at < len(left) and behind < len(right):
        run.step()
        if after(left[at], right[behind]):
            merged.append(right[behind])
            behind += 1
        else:
            merged.append(left[at])
            at += 1
    return merged + left[at:] + right[behind:]
