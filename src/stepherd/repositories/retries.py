"""Trying again what may pass, a few times and not for long: the state machine has its own retries above."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from stepherd.errors import StepherdError

__all__ = ["PAUSES", "retrying"]

PAUSES: Final = (0.5, 3.0)
T = TypeVar("T")


def retrying(action: Callable[[], T], pauses: Sequence[float]) -> T:
    """``action()``, again after each of ``pauses`` (seconds) for as long as its error is retryable."""
    for pause in pauses:
        try:
            return action()
        except StepherdError as error:
            if not error.retryable:
                raise
        time.sleep(pause)
    return action()
