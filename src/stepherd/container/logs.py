"""What the tasks of a run write, passed on while it goes on: a container's log is all that is left of it."""

from __future__ import annotations

import threading
from types import TracebackType

from stepherd.backends.client import Call, execution_arn, remote_call
from stepherd.backends.home.engines import reading
from stepherd.backends.home.logs import TaskLogs
from stepherd.backends.sources import events_after
from stepherd.cli.output import Output
from stepherd.engine.identity import JOURNAL
from stepherd.engine.journal.lock import find_engine
from stepherd.errors import StepherdError

__all__ = ["TaskOutput"]

_POLL_SECONDS = 0.3


class TaskOutput:
    """While it is entered, lines of the run's tasks appear on standard output, each with its state's name."""

    def __init__(self, output: Output, run_id: str) -> None:
        self._output = output
        self._run_id = run_id
        self._logs = TaskLogs(output.home)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name="task output")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if (self._output.home / JOURNAL).exists():
            self._pass_on(final=True)

    def _follow(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            self._pass_on(final=False)

    def _pass_on(self, *, final: bool) -> None:
        try:
            if final:
                with reading(self._output.home) as call:
                    self._learn(call)
            elif address := find_engine(self._output.home):
                self._learn(remote_call(address))
        except StepherdError:
            return  # It has not begun, or the engine is about to end; the next look sees it.
        for line in self._logs.new(final=final):
            self._output.data(f"{line.state}  {line.text}")

    def _learn(self, call: Call) -> None:
        self._logs.learn(events_after(call, execution_arn(self._run_id), self._logs.last_event))
