"""The output of a run's tasks, passed on as it comes: nothing but the container's own log outlives it."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

from stepherd.client.client import Client
from stepherd.client.records import Run
from stepherd.errors import StepherdError
from stepherd.text.terminal import clean

__all__ = ["TaskOutput"]


class TaskOutput:
    """While it is entered, lines of the run's tasks appear on standard output, each with its state's name."""

    def __init__(self, client: Client, run: Run) -> None:
        self._client = client
        self._run = run
        self._thread = threading.Thread(target=self._pass_on, daemon=True, name="task output")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join(None if kind is None else 0.0)

    def _pass_on(self) -> None:
        try:
            for line in self._client.logs(self._run, follow=True):
                sys.stdout.write(f"{clean(f'{line.state}  {line.text}')}\n")
                sys.stdout.flush()
        except (StepherdError, OSError):
            return  # The run's own outcome says more than that its log could not be shown.
