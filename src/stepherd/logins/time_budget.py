"""Time for a function that waits: how long it may, and whether anybody would hear of its end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

__all__ = ["TimeBudget"]

_SLICE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """The time of one invocation."""

    remaining: Callable[[], float]
    """Seconds until the function is killed."""
    parent: int = field(default_factory=os.getppid)

    def now(self) -> datetime:
        """The time now, aware and in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> bool:
        """Wait; False as soon as what runs this function is gone, and no one waits for it any more."""
        until = time.monotonic() + seconds
        while self._is_wanted():
            rest = until - time.monotonic()
            if rest <= 0:
                return True
            time.sleep(min(rest, _SLICE_SECONDS))
        return False

    def _is_wanted(self) -> bool:
        # A local engine that was killed leaves its functions behind, to another parent.
        return os.getppid() == self.parent
