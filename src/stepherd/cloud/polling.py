"""Asking AWS again and again: soon at first, then less often."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

__all__ = ["moments"]

_FIRST: Final = 0.1
_LONGEST: Final = 3.0
_GROWTH: Final = 1.5


def moments() -> Iterator[None]:
    """Yields at once, and then after pauses that grow to three seconds. Nothing tells us of changes."""
    pause = _FIRST
    while True:
        yield
        time.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST)
