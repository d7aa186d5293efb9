"""Signals to a step: one ends it, and a second does not tear it out of its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from stepherd.steps.termination import Terminated, Termination


@pytest.fixture
def termination() -> Iterator[Termination]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    made = Termination()
    made.install()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


class Charge:
    def __init__(self) -> None:
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1


def tell(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


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
