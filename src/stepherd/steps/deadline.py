"""The deadline of a step: no step outlives its state, whose timeout does not stop a container.

The state's time also holds the start of the container, so a step has less: its end in good order, and the
result that says why, come before the state gives up.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stepherd.errors import ConfigurationError, StepherdError
from stepherd.runs.request import Request
from stepherd.runs.steps import STEPS
from stepherd.services.number_text import read_number
from stepherd.steps.termination import Interrupted, Termination

__all__ = ["DeadlinePassed", "deadline", "seconds_in", "seconds_of"]

_START_SECONDS: Final = 240
"""The time for starting a container, with its image, and for ending it in good order."""
_GRACE_SECONDS: Final = 60.0
_VARIABLE: Final = "STEPHERD_STEP_SECONDS"
_MOST_SECONDS: Final = 366 * 86_400


class DeadlinePassed(StepherdError):
    """The step took longer than its state gives it."""

    exit_code = 75
    category = "deadline"
    retryable = True


def seconds_of(step: str, request: Request) -> float:
    """How long ``step`` may take in its container, in seconds; STEPHERD_STEP_SECONDS says otherwise."""
    allowed = STEPS[step].seconds or request.agent_task_seconds
    return seconds_in(_VARIABLE, allowed - _START_SECONDS)


def seconds_in(variable: str, default: float) -> float:
    """The seconds that an environment variable says; ``default`` when it is not set, or empty.

    Raises ConfigurationError when it is not a number, or more than a year, which no wait can take.
    """
    text = os.environ.get(variable)
    if not text:
        return default
    try:
        seconds = read_number(text)
        if not 0 <= seconds <= _MOST_SECONDS:
            raise ValueError(f"not from 0 to {_MOST_SECONDS:,}")
    except ValueError as error:
        words = f"The variable {variable} is not a number of seconds: it is {error}."
        raise ConfigurationError(words, remedy=f"Correct it, or unset it: unset {variable}") from None
    return seconds


@contextmanager
def deadline(seconds: float, termination: Termination, grace: float = _GRACE_SECONDS) -> Iterator[None]:
    """Meanwhile, after ``seconds`` on the monotonic clock, the step is told to end, as by SIGTERM.

    When it has not ended ``grace`` seconds later, the process does, and in a container all others with it.
    """
    over = threading.Event()

    def watch() -> None:
        if over.wait(seconds):
            return
        termination.expire()
        if not over.wait(grace):
            sys.stderr.write("stepherd: the step did not end in time and is given up\n")
            sys.stderr.flush()
            os._exit(Interrupted.exit_code)

    watcher = threading.Thread(target=watch, name="deadline", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
