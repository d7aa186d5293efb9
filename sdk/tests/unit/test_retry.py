"""The pace of retries: exponential, jittered, adaptive, and bounded."""

from __future__ import annotations

import pytest

from amazon_q_streaming_client import (
    ConfigurationError,
    MonthlyLimitError,
    RetryPolicy,
    ThrottledError,
    TransportError,
)
from amazon_q_streaming_client._retry import Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def full() -> float:
    return 1.0


def test_waits_double_up_to_the_ceiling_and_end_with_the_attempts() -> None:
    pace = Pace(RetryPolicy(attempts=6, base_delay=1, max_delay=5), jitter=full)
    error = TransportError("x")
    assert [pace.retry_delay(attempt, error) for attempt in range(1, 7)] == [1, 2, 4, 5, 5, None]


def test_jitter_spreads_a_wait_over_its_whole_length() -> None:
    pace = Pace(RetryPolicy(base_delay=1), jitter=lambda: 0.25)
    assert pace.retry_delay(1, TransportError("x")) == 0.25


def test_throttling_slows_all_calls_and_success_speeds_them_up() -> None:
    clock = Clock()
    pace = Pace(RetryPolicy(base_delay=1), jitter=full, clock=clock)
    assert pace.entry_delay() == 0
    throttled = ThrottledError("x")
    assert [pace.retry_delay(1, throttled) for _ in range(3)] == [2, 4, 8]
    assert pace.entry_delay() == 4
    pace.succeeded()
    assert pace.entry_delay() == 1
    clock.now = 11
    assert pace.entry_delay() == 0


def test_what_cannot_pass_is_not_retried() -> None:
    assert Pace(RetryPolicy()).retry_delay(1, MonthlyLimitError("x")) is None


@pytest.mark.parametrize(("asked", "wait"), [(3.0, 3.0), (11.0, None)])
def test_the_wait_that_the_service_asks_for_is_kept_or_left_to_the_caller(
    asked: float, wait: float | None
) -> None:
    pace = Pace(RetryPolicy(base_delay=0.1), jitter=full)
    assert pace.retry_delay(1, ThrottledError("x", retry_after=asked)) == wait


def test_an_outage_is_not_answered_with_a_storm_of_retries() -> None:
    pace = Pace(RetryPolicy(), jitter=full)
    delays = [pace.retry_delay(1, TransportError("x")) for _ in range(200)]
    assert sum(delay is not None for delay in delays) == 100
    pace.succeeded()
    assert pace.retry_delay(1, TransportError("x")) is not None


@pytest.mark.parametrize("values", [{"attempts": 0}, {"base_delay": -1}, {"base_delay": 3, "max_delay": 2}])
def test_a_policy_that_makes_no_sense_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        RetryPolicy(**values)
