"""SIGTERM and SIGINT in a step: an end in good order, within the stop timeout of the container."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Protocol

from stepherd.errors import StepherdError

__all__ = ["Interrupted", "Stoppable", "Terminated", "Termination"]

_LOOK_SECONDS: Final = 0.5
"""How soon it is seen that a Terminated was lost."""


class Interrupted(StepherdError):
    """The step was told to stop before it was done."""

    exit_code = 75
    category = "interrupted"
    retryable = True


class Terminated(BaseException):
    """Thrown into whatever the step is doing. No Exception: nothing on the way may take it for a failure of
    its own and try again."""


class Stoppable(Protocol):
    """Something that ends in its own good order when it is asked."""

    def ask(self) -> None:
        """Stop, soon. Called from a signal handler."""
        ...


class Termination:
    """Raises Terminated in the main thread at the first signal, or hands it to what is in charge.

    An exception of a signal handler can be lost: where it comes up while a module is imported, a weak
    reference is called back or an object deleted, Python drops it. So it is raised again until ``heard``.
    """

    def __init__(self) -> None:
        self._charge: Stoppable | None = None
        self._raised = False
        self.expired = False
        """Whether it was the step's own deadline that ended it."""

    def expire(self) -> None:
        """End the step from another thread, because its time is up."""
        self.expired = True
        # To this thread and no other: the signal breaks off what it waits for.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def install(self) -> None:
        """Take SIGTERM and SIGINT over."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)
        signal.signal(signal.SIGALRM, self._look)

    def heard(self) -> None:
        """Terminated got to where it is answered."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    @contextmanager
    def handed_to(self, charge: Stoppable) -> Iterator[None]:
        """Meanwhile a signal asks ``charge`` to stop, and interrupts nothing else."""
        self._charge = charge
        if self._raised:  # And lost on the way.
            self.heard()
            charge.ask()
        try:
            yield
        finally:
            self._charge = None

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """For the last words of a step: a signal changes nothing any more."""
        before, self._raised = self._raised, True
        try:
            yield
        finally:
            self._raised = before

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        # Once: what cleans up after the first must not be torn out of it by a second.
        again, self._raised = self._raised, True
        if self._charge is not None:
            self._charge.ask()
        elif not again:
            self._throw()

    def _throw(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS)
        raise Terminated

    def _look(self, _number: int, _frame: FrameType | None) -> None:
        """Leave a Terminated alone that is on its way through what cleans up; throw a lost one again."""
        under_way = sys.exception()
        while under_way is not None and not isinstance(under_way, Terminated):
            under_way = under_way.__context__
        if under_way is None:
            self._throw()
        signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS)
