"""Lists in sentences: the first few, and how many there are besides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["first_of"]

_Item = TypeVar("_Item")


def first_of(
    items: Sequence[_Item], most: int, text: Callable[[_Item], str] = str, *, separator: str = ", "
) -> str:
    """``a, b, c and 4 more``: at most ``most`` items, each as ``text`` gives it; empty for no items."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return separator.join(map(text, items[:most])) + more
