"""Signals to a step: one ends it, and a second does not tear it out of its end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from stepherd.steps.termination import Terminated, Termination


@pytest.fixture
def termination() -> Iterator[Termination]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    made = Termination()
    made.install()
    yield made
    made.heard()
    for number, handler in before.items():
        signal.signal(number, handler)


class Charge:
    def __init__(self) -> None:
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1


def tell(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def lose() -> None:
    """Lose an exception as Python does where there is no one to take it, as while it imports a module."""
    with contextlib.suppress(Terminated):
        tell()


def test_a_terminated_that_was_lost_is_thrown_again(termination: Termination) -> None:
    lose()
    with pytest.raises(Terminated):
        signal.pause()
    termination.heard()


def test_a_terminated_that_is_under_way_is_left_alone(termination: Termination) -> None:
    """Also where what cleans up handles errors of its own."""
    cleaned = []
    with pytest.raises(Terminated):
        try:
            tell()
        finally:
            signal.pause()  # For the look that is due.
            try:
                raise OSError
            except OSError:
                signal.pause()
            cleaned.append(True)
    termination.heard()
    assert cleaned
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_terminated_that_was_lost_stops_what_begins_after_it(termination: Termination) -> None:
    lose()
    charge = Charge()
    with termination.handed_to(charge):
        assert charge.asked == 1
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_the_first_signal_ends_the_step_and_the_second_leaves_it_alone(termination: Termination) -> None:
    with pytest.raises(Terminated):
        tell()
    tell()


def test_what_follows_a_charge_that_was_asked_is_its_end(termination: Termination) -> None:
    """An agent's work is recorded after the agent has ended: a second signal must not cost it."""
    charge = Charge()
    with termination.handed_to(charge):
        tell()
        tell(signal.SIGINT)
    assert charge.asked == 2
    tell()


def test_a_charge_that_ended_by_itself_changes_nothing(termination: Termination) -> None:
    with termination.handed_to(Charge()):
        pass
    with pytest.raises(Terminated):
        tell()
