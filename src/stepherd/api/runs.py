"""The runs that the API tells of: executions of the pipeline, and their errors as problems of a call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stepherd.api.problems import InvalidCall, NoSuchThing, NotPossible
from stepherd.services.step_functions.calls import Refused
from stepherd.services.step_functions.executions import RUNNING, Execution, Executions, open_executions
from stepherd.text.moments import iso_text

__all__ = ["Run", "Runs", "moment_of", "no_run"]


@dataclass(frozen=True, slots=True)
class Run:
    """The facts about a run. Times are ISO 8601, UTC."""

    run_id: str
    status: str
    """RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING_REDRIVE."""
    started: str
    stopped: str | None
    redrives: int
    error: str = ""
    cause: str = ""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status in RUNNING


@dataclass(frozen=True, slots=True)
class Runs:
    """The executions of one state machine."""

    executions: Executions
    machine: str
    """The ARN of the state machine."""

    @classmethod
    def open(cls, machine: str) -> Runs:
        """Those of the state machine with this ARN."""
        return cls(open_executions(machine.split(":")[3]), machine)

    def start(self, run_id: str, request: Mapping[str, Any]) -> None:
        """Start a run; starting the same run again changes nothing, however it continued since."""
        self.executions.start(self.machine, run_id, request)

    def find(self, run_id: str) -> Run:
        """One run. Raises NotFoundError."""
        found = self.executions.find(self._arn(run_id))
        if not found.status:
            raise no_run(run_id)
        return _run(found)

    def page(self, *, status: str | None, most: int, token: str | None) -> tuple[list[Run], str | None]:
        """Runs of everybody, newest first, and the token of the next page. Raises InvalidCall."""
        with _as_problems():
            found, more = self.executions.page(self.machine, status=status, most=most, token=token)
        return [_run(each) for each in found], more

    def stop(self, run_id: str, cause: str) -> None:
        """Abort a run; one that has ended stays as it is."""
        self.executions.stop(self._arn(run_id), "Stopped", cause)

    def redrive(self, run_id: str, token: str | None) -> None:
        """Run again what did not succeed, once for each ``token``. Raises NotFoundError, NotPossible."""
        with _as_problems(run_id):
            self.executions.redrive(self._arn(run_id), token)

    def history(self, run_id: str) -> Iterator[dict[str, Any]]:
        """The events of a run, in order; none of one that is not there."""
        return self.executions.history(self._arn(run_id))

    def _arn(self, run_id: str) -> str:
        return f"{self.machine.replace(':stateMachine:', ':execution:', 1)}:{run_id}"


@contextmanager
def _as_problems(run_id: str = "") -> Iterator[None]:
    """Raise what Step Functions refuses inside the block as a problem of the call."""
    try:
        yield
    except Refused as refused:
        match refused.code:
            case "ExecutionDoesNotExist":
                raise no_run(run_id) from refused
            case "ExecutionNotRedrivable":
                words = refused.said or "The run cannot be redriven."
                raise NotPossible(words, remedy="Start another run with: POST /executions") from refused
            case "InvalidToken":
                raise InvalidCall(
                    "The cursor is not from this list, or is too old.",
                    remedy="Start again without a cursor.",
                    field="cursor",
                ) from refused
            case _:
                raise


def no_run(run_id: str) -> NoSuchThing:
    """The error for a run that is not there, or not the caller's."""
    return NoSuchThing(f"There is no run '{run_id}'.", remedy="List the runs: GET /executions")


def _run(found: Execution) -> Run:
    assert found.started is not None
    return Run(
        found.name,
        found.status,
        iso_text(found.started),
        iso_text(found.stopped) if found.stopped else None,
        found.redrives,
        found.error,
        found.cause,
    )


def moment_of(seconds: float) -> str:
    """A time in seconds since the epoch as ISO 8601, UTC, with milliseconds."""
    return iso_text(datetime.fromtimestamp(seconds, UTC))
