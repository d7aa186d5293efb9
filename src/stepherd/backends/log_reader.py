"""Reading the logs of a run's tasks, and continuing until the run has ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from stepherd.backends.client import Call
from stepherd.backends.home.logs import Line
from stepherd.backends.line_times import LineTimes
from stepherd.backends.sources import events_after
from stepherd.errors import UsageError
from stepherd.runs.folder import run_folder
from stepherd.text.moments import now

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend

__all__ = ["LogReader"]

_GROWTH = 1.4


class LogReader:
    """Reads the output of a run's tasks: the past, and the lines that they still write.

    Raises NotFoundError for a run that is not there, UsageError for a ``state`` that has no logs.
    """

    def __init__(
        self, backend: Backend, run_id: str, state: str | None = None, *, timed: bool = False
    ) -> None:
        """With ``timed`` every line has its time."""
        self._backend = backend
        self._times = LineTimes(run_folder(backend.store(), run_id)) if timed else None
        self._arn = backend.execution_arn(run_id)
        self._logs = backend.task_lines(run_id, state)
        self.running = self._learn()
        if state and state not in self.states and not self.running:
            raise UsageError(
                f"{run_id} has no logs of a state '{state}'.",
                remedy=f"There are {', '.join(self.states) or 'none'}.",
            )

    @property
    def states(self) -> list[str]:
        """The states that have logs, in order."""
        return list(self._logs.states)

    def last(self, count: int) -> list[Line]:
        """The last lines; what came before is passed over."""
        lines = self._logs.last(count, final=not self.running)
        return self._times.of_last(lines) if self._times else lines

    def new(self) -> Iterator[Line]:
        """The lines written since the last call."""
        lines = self._logs.new(final=not self.running)
        return self._times.of_new(lines, now()) if self._times else lines

    def follow(self) -> Iterator[Line]:
        """Lines that are written from now on, until the run has ended and its last lines are there."""
        late = 0.0
        shortest, longest = self._logs.learn_seconds
        pause, due = shortest, 0.0
        while self.running or time.monotonic() < late:
            time.sleep(self._logs.poll_seconds)  # Neither files nor log streams tell when they grow.
            if self.running and time.monotonic() >= due:
                known = self._logs.last_event
                self.running = self._learn()
                late = 0.0 if self.running else time.monotonic() + self._logs.late_seconds
                pause = shortest if self._logs.last_event > known else min(longest, pause * _GROWTH)
                due = time.monotonic() + pause
            yield from self.new()

    def _learn(self) -> bool:
        """Take what is new in the history; whether the run has not ended yet."""
        with self._backend.reading() as call:
            return self._read(call)

    def _read(self, call: Call) -> bool:
        described = call("DescribeExecution", {"executionArn": self._arn})
        events = events_after(call, self._arn, self._logs.last_event)
        self._logs.learn(events)
        if self._times:
            self._times.learn(events)
        return bool(described["status"] == "RUNNING")
