"""Waiting until the work of a run is kept that was ended from outside: by another execution than its own."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stepherd.backends.backend import Backend
from stepherd.backends.client import KEEP, Call
from stepherd.errors import ConfigurationError, NotFoundError
from stepherd.remedies import Remedy
from stepherd.runs.kept import KEPT_ENDS, kept_name
from stepherd.services.json_text import read_json

__all__ = ["Kept", "look", "until_kept"]

_BEGINS_SECONDS: Final = 180.0
"""How long after the end of a run its keeping may begin: its tasks have two minutes to end. Later than that
it never does: the run was ended by a version that kept nothing."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How it stands. ``status`` is that of the keeping execution; empty before there is one."""

    status: str
    run_id: str
    output: Mapping[str, Any] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status not in ("", "RUNNING")

    @property
    def branch(self) -> str | None:
        """The branch that has the work, which the push has read from the remote."""
        return self.output.get("branch")

    def words(self) -> str:
        """The outcome in words for a person."""
        if self.branch:
            return f"Kept on {self.branch}."
        if self.output.get("files_changed"):
            return Remedy("Kept as a bundle. Fetch it with: ", ("pull", self.run_id))
        if self.status == "SUCCEEDED":
            return "There was no work to keep."
        if self.over:
            lies = Remedy("The rest is in the run folder: ", ("pull", self.run_id))
            return f"Not all of its work could be kept. {lies}"
        return Remedy("Its work is not kept yet. Check with: ", ("status", self.run_id))

    def to_json(self) -> dict[str, Any]:
        """The outcome as ``--json`` shows it."""
        return {"status": self.status or None, "branch": self.branch, "commit": self.output.get("commit")}


def look(call: Call, backend: Backend, run_id: str) -> Kept | None:
    """How the keeping of a run stands; None for a run that continues or ended by itself, and for one whose
    end nothing keeps."""
    described = call("DescribeExecution", {"executionArn": backend.execution_arn(run_id)})
    if described["status"] not in KEPT_ENDS:
        return None
    try:
        arn = backend.execution_arn(kept_name(run_id, int(described.get("redriveCount", 0))), KEEP)
        keeping = call("DescribeExecution", {"executionArn": arn})
    except ConfigurationError:
        return None  # An older stack.
    except NotFoundError:
        began_in_time = time.time() - float(described["stopDate"]) < _BEGINS_SECONDS
        return Kept("", run_id) if began_in_time else None
    output = read_json(keeping["output"]) if keeping.get("output") else {}
    return Kept(keeping["status"], run_id, output if isinstance(output, dict) else {})


async def until_kept(
    call: Call,
    backend: Backend,
    run_id: str,
    changed: Callable[[], Awaitable[None]],
    may_begin: Callable[[], bool] = lambda: True,
) -> Kept | None:
    """Wait until it is over; ``changed`` returns when there may be news.

    ``may_begin`` is whether anything can still begin it. If it was waited for and never began, it has failed.
    """
    awaited = False
    while True:
        can_begin = may_begin()  # Asked first: what begins from here on is found by the look.
        kept = look(call, backend, run_id)
        if kept is None and awaited:
            return _never_begun(call, backend, run_id)
        if kept is None or kept.over:
            return kept
        if not kept.status and not can_begin:
            return _never_begun(call, backend, run_id)
        awaited = True
        await changed()


def _never_begun(call: Call, backend: Backend, run_id: str) -> Kept | None:
    described = call("DescribeExecution", {"executionArn": backend.execution_arn(run_id)})
    return Kept("FAILED", run_id) if described["status"] in KEPT_ENDS else None
