"""When to try again, and how long to wait before it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ._numbers import finite
from .errors import ConfigurationError, ModelUnavailableError, QError, ServiceError, ThrottledError

__all__ = ["Pace", "RetryPolicy"]

_QUOTA: Final = 500
_COST: Final = 5
_MAX_PRESSURE: Final = 4


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is tried in all, and the waits between the tries in seconds.

    The defaults are those of the CLI: three tries, at most ten seconds between them. ``attempts=1`` never
    retries. Raises ConfigurationError for values that make no sense.
    """

    attempts: int = 3
    base_delay: float = 0.5
    max_delay: float = 10.0

    def __post_init__(self) -> None:
        for name in ("attempts", "base_delay", "max_delay"):
            finite(f"{name} of a retry policy", getattr(self, name))
        if self.attempts < 1 or self.base_delay < 0 or self.max_delay < self.base_delay:
            raise ConfigurationError("a retry policy needs attempts >= 1 and 0 <= base_delay <= max_delay")


@dataclass(slots=True)
class _State:
    pressure: int = 0
    throttled_at: float = 0.0
    quota: int = _QUOTA


class Pace:
    """The pace of one client, shared by all of its calls.

    Waits grow exponentially with full jitter. They adapt: each throttling doubles the waits of all calls of
    the client and makes new calls wait too, each success halves them, and a quiet spell of ``max_delay``
    forgets them. A quota of retries, refilled by successes, keeps an outage from being answered with a storm
    of retries.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._jitter = jitter
        self._clock = clock
        self._state = _State()

    def with_policy(self, policy: RetryPolicy) -> Pace:
        """Return the same pace with another policy: throttling is felt by both."""
        other = Pace(policy, jitter=self._jitter, clock=self._clock)
        other._state = self._state
        return other

    def entry_delay(self) -> float:
        """How long a new call must wait, in seconds: 0 unless the service throttled this client lately."""
        if self._state.pressure and self._clock() - self._state.throttled_at > self._policy.max_delay:
            self._state.pressure = 0
        if not self._state.pressure:
            return 0.0
        return self._jittered(self._state.pressure - 1)

    def retry_delay(self, attempt: int, error: QError) -> float | None:
        """How long to wait after the failed try number ``attempt`` (from 1); None: do not try again."""
        if isinstance(error, ThrottledError | ModelUnavailableError):
            self._state.pressure = min(self._state.pressure + 1, _MAX_PRESSURE)
            self._state.throttled_at = self._clock()
        if not error.retryable or attempt >= self._policy.attempts or self._state.quota < _COST:
            return None
        asked = (error.retry_after if isinstance(error, ServiceError) else None) or 0.0
        if asked > self._policy.max_delay:
            return None
        self._state.quota -= _COST
        return max(asked, self._jittered(attempt - 1 + self._state.pressure))

    def succeeded(self) -> None:
        """Note that a call was answered."""
        self._state.pressure //= 2
        self._state.quota = min(self._state.quota + _COST, _QUOTA)

    def _jittered(self, doublings: int) -> float:
        ceiling = min(self._policy.max_delay, self._policy.base_delay * 2.0**doublings)
        return self._jitter() * ceiling
