"""Running again what a run has left undone: by a redrive, or by a new run that continues it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stepherd.backends.amending import amend, continued, takes_amendments
from stepherd.backends.client import Call, Refused
from stepherd.backends.sources import events_after
from stepherd.errors import StepherdError, UsageError
from stepherd.history.progress import Progress
from stepherd.remedies import Remedy
from stepherd.runs.amendments import forget_amendment

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend

__all__ = ["Continuation", "Redrive", "plan_redrive"]

_BEHIND_SECONDS: Final = 30.0
_REASONS: Final = {"SUCCEEDED": "it has succeeded", "RUNNING": "it has not ended yet"}
"""Why a run with this status is not redriven."""


@dataclass(frozen=True, slots=True)
class Redrive:
    """A redrive that can begin: call it with what carries the run. Called twice, it is one redrive."""

    run_id: str
    arn: str
    progress: Progress
    """All that is known of the run already."""
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __call__(self, call: Call) -> str:
        try:
            call("RedriveExecution", {"executionArn": self.arn, "clientToken": self.token})
        except Refused as error:
            raise _refused(self.run_id, error.message) from error
        self._await_begin(call)
        return self.run_id

    def _await_begin(self, call: Call) -> None:
        """Wait until the history tells of the redrive: on AWS it may be a moment behind."""
        deadline = time.monotonic() + _BEHIND_SECONDS
        while not events_after(call, self.arn, self.progress.last_event) and time.monotonic() < deadline:
            time.sleep(0.5)


@dataclass(frozen=True, slots=True)
class Continuation:
    """A new run, to be prepared and begun as any other: a redrive would not take the changes up."""

    run_id: str
    request: dict[str, Any]


def plan_redrive(backend: Backend, run_id: str, changes: Mapping[str, Any]) -> Redrive | Continuation:
    """Find out how a run is taken up again with ``changes`` to its request, and leave them for it.

    Raises UsageError where the run cannot be redriven, and what ``amended`` raises.
    """
    progress, arn = Progress(), backend.execution_arn(run_id)
    with backend.reading() as call:
        described = call("DescribeExecution", {"executionArn": arn})
        progress.feed(events_after(call, arn, 0))
        if described.get("redriveStatusReason"):
            raise _refused(run_id, _REASONS.get(described["status"], described["redriveStatusReason"]))
        takes = not changes or takes_amendments(call, arn, described, progress)
    if not takes:
        return Continuation(*continued(backend, run_id, changes))
    redrives = int(described.get("redriveCount", 0))
    if changes:
        amend(backend, run_id, redrives, changes)
    else:
        forget_amendment(backend.store(), run_id, redrives + 1)
    return Redrive(run_id, arn, progress)


def _refused(run_id: str, reason: str) -> StepherdError:
    return UsageError(
        f"{run_id} cannot be redriven: {reason.rstrip('.')}.", remedy=Remedy("See: ", ("status", run_id))
    )
