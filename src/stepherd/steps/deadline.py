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
from stepherd.steps.termination import Interrupted, Termination

__all__ = ["STATE_SECONDS", "DeadlinePassed", "deadline", "seconds_of"]

STATE_SECONDS: Final = {"clone": 1800, "push": 1800, "persist": 600}
"""TimeoutSeconds of the steps' states; that of the agent follows the request."""
_START_SECONDS: Final = 240
"""What the start of a container and its image may take, with the end in good order."""
_GRACE_SECONDS: Final = 60.0
_VARIABLE: Final = "STEPHERD_STEP_SECONDS"


class DeadlinePassed(StepherdError):
    """The step took longer than its state gives it."""

    exit_code = 75
    category = "deadline"
    retryable = True


def seconds_of(step: str, request: Request) -> float:
    """How long ``step`` may take in its container, in seconds; STEPHERD_STEP_SECONDS says otherwise."""
    text = os.environ.get(_VARIABLE)
    if text is None:
        return STATE_SECONDS.get(step, request.agent_task_seconds) - _START_SECONDS
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"The variable {_VARIABLE} is no number.", remedy="Unset it.") from None


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
