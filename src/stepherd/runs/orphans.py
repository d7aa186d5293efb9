"""Leftovers of a run whose execution has ended: tasks that still run, and a login that still waits.

Step Functions stops tasks on a best effort, and not at all for a state that ran out of time. So whatever has
the run's folder is stopped once the execution has ended. A task has its stop timeout to keep partial work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from stepherd.errors import DataError, StepherdError
from stepherd.services.json_text import read_json

if TYPE_CHECKING:
    from stepherd.services.aws.tasks import Tasks
    from stepherd.services.step_functions.executions import Executions

__all__ = ["Ended", "Orphans", "ended_of", "stop_orphans"]

_STATUSES: Final = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
_ERROR: Final = "RunEnded"


@dataclass(frozen=True, slots=True)
class Ended:
    """An execution of the pipeline that ended, as EventBridge tells it."""

    arn: str
    run_id: str
    status: Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
    started: datetime
    stopped: datetime
    request: object
    """Its input; None when it was too long for the event."""
    cause: str = ""
    """Why it was ended, in the words of whoever ended it."""


@dataclass(frozen=True, slots=True)
class Orphans:
    """The tasks and executions that were stopped, by ARN."""

    tasks: tuple[str, ...]
    executions: tuple[str, ...]
    redriven: bool
    """Whether the execution runs again: what it has started since was left alone."""


def ended_of(event: Mapping[str, Any]) -> Ended:
    """The end in an event "Step Functions Execution Status Change". Raises DataError for any other."""
    try:
        detail = event["detail"]
        if detail["status"] not in _STATUSES:
            raise ValueError(f"the status {detail['status']} is not final")
        given = detail.get("input")
        return Ended(
            detail["executionArn"],
            detail["name"],
            detail["status"],
            _moment(detail["startDate"]),
            _moment(detail["stopDate"]),
            read_json(given) if given else None,
            str(detail.get("cause") or ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"The event is not the end of an execution: {error!r}.") from None


def stop_orphans(ended: Ended, tasks: Tasks, executions: Executions) -> Orphans:
    """Stop what the run has left. Doing it again does nothing.

    Everything is tried before the first error is raised.
    """
    found = [task for task in tasks.running() if task.is_of(ended.run_id)]
    nested = [] if ended.status == "SUCCEEDED" else list(executions.nested(ended.arn))
    # Asked last: what was listed before is older than any redrive that the answer does not know of.
    now = executions.find(ended.arn)
    # A redrive, or an answer that lags behind the event: then only what is older than either.
    limit = max(filter(None, (ended.stopped, now.redriven))) if now.running else None
    reason = f"The run {ended.run_id} has ended ({ended.status})."
    old_tasks = [task.arn for task in found if limit is None or task.created < limit]
    old_executions = [
        arn for arn, begun in nested if (limit is None or begun < limit) and executions.is_running(arn)
    ]
    _each(
        [
            *(lambda arn=arn: tasks.stop(arn, reason) for arn in old_tasks),
            *(lambda arn=arn: executions.stop(arn, _ERROR, reason) for arn in old_executions),
        ]
    )
    redriven = now.running and now.redriven is not None and now.redriven >= ended.stopped
    return Orphans(tuple(old_tasks), tuple(old_executions), redriven)


def _each(actions: Iterable[Callable[[], None]]) -> None:
    first: StepherdError | None = None
    for action in actions:
        try:
            action()
        except StepherdError as error:
            first = first or error
    if first is not None:
        raise first


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
