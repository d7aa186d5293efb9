"""Which connections are used again, which are closed, and how long a request may wait."""

from __future__ import annotations

from typing import Any

import pytest

from amazon_q_streaming_client import ConfigurationError
from amazon_q_streaming_client._connections import KEPT, Connections
from amazon_q_streaming_client._http import TimeLimits

ONE, OTHER = "https://one.example/", "https://other.example/path"


class FakeHttp:
    """Makes clients that are numbers."""

    is_own = False

    def __init__(self) -> None:
        self.made = 0

    def client(self) -> int:
        self.made += 1
        return self.made


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def connections(limit: int = 10) -> tuple[Any, Clock]:
    clock = Clock()
    http: Any = FakeHttp()
    return Connections(http, limit, clock=clock), clock


def test_an_answer_has_a_connection_of_its_own_and_the_next_one_uses_it_again() -> None:
    kept, _ = connections()
    first, second = kept.take(ONE), kept.take(ONE)
    assert first.client != second.client
    assert kept.give_back(first, whole=True) == []
    assert kept.take(ONE) is first


def test_a_connection_whose_answer_was_not_read_to_its_end_is_closed() -> None:
    kept, _ = connections()
    first = kept.take(ONE)
    assert kept.give_back(first, whole=False) == [first.client]
    assert kept.take(ONE) is not first


def test_a_connection_is_used_again_for_its_own_host_unless_there_may_be_no_more() -> None:
    kept, _ = connections(limit=2)
    first = kept.take(ONE)
    kept.give_back(first, whole=True)
    second = kept.take(OTHER)
    assert second is not first
    third = kept.take(OTHER)
    assert third is first, "the limit is two"


def test_connections_that_are_idle_for_long_are_closed() -> None:
    kept, clock = connections()
    first, second, third = (kept.take(ONE) for _ in range(3))
    kept.give_back(first, whole=True)
    clock.now += KEPT - 1
    kept.give_back(second, whole=True)
    clock.now += 2
    assert kept.give_back(third, whole=True) == [first.client]
    assert kept.take(ONE) is third


def test_the_end_closes_what_is_idle_and_what_is_taken() -> None:
    kept, _ = connections()
    idle, taken = kept.take(ONE), kept.take(ONE)
    kept.give_back(idle, whole=True)
    assert kept.end() == ([idle.client], [taken])
    with pytest.raises(ConfigurationError, match="closed"):
        kept.take(ONE)
    assert kept.give_back(taken, whole=True) == [taken.client], "not idle: it would never be closed"


def test_reads_and_writes_share_the_seconds_of_a_request_until_something_comes() -> None:
    clock = Clock()
    limits = TimeLimits(30, 5, clock=clock)
    assert (limits["connect"], limits["pool"], limits.get("other", 7)) == (5, 30, 7)
    clock.now += 60
    assert limits.get("write") == 30, "connecting and waiting for a place do not count"
    clock.now += 20
    assert limits["read"] == limits.get("read") == 10
    clock.now += 20
    assert 0 < limits["read"] < 0.01, "never 0, which would mean not to wait"
    limits.restart()
    clock.now += 60
    assert limits["read"] == 30, "what the reader does between two pieces does not count"
