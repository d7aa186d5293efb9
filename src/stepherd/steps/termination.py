"""SIGTERM and SIGINT in a step: an end in good order, within the stop timeout of the container."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from stepherd.errors import StepherdError

__all__ = ["Interrupted", "Stoppable", "Terminated", "Termination"]


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
    """Raises Terminated in the main thread at the first signal, or hands it to what is in charge."""

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

    @contextmanager
    def handed_to(self, charge: Stoppable) -> Iterator[None]:
        """Meanwhile a signal asks ``charge`` to stop, and interrupts nothing else."""
        self._charge = charge
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
            raise Terminated
