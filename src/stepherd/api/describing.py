"""GET /executions/{run_id}: how a run goes, or went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.api.calls import Answer, Call
from stepherd.api.links import links_of
from stepherd.api.ownership import check_visible
from stepherd.api.runs import Run, moment_of
from stepherd.history.progress import Progress, StateRow
from stepherd.runs.causes import failure_of_end
from stepherd.runs.folder import run_folder
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.api.service import Service

__all__ = ["describe_run", "states_json"]

_OF_REPORT: Final = (
    *("summary", "agent", "repository", "base", "base_commit", "branch", "commit", "partial", "compare"),
    *("verify", "totals"),
)


def describe_run(call: Call, service: Service) -> Answer:
    """A run's status, states, and what its report says. Raises NotFoundError for another's run, too."""
    call.parameters()
    check_visible(service.store, call.caller, call.run_id)
    run = service.runs.find(call.run_id)
    states = states_json(service.runs.history(call.run_id))
    # A report that lies there while the run continues is of before a redrive.
    report = {} if run.running else run_folder(service.store, call.run_id).read_report() or {}
    body = {
        "run_id": run.run_id,
        "status": run.status,
        "started": run.started,
        "stopped": run.stopped,
        "redrives": run.redrives,
        "states": states,
        **{name: report.get(name) for name in _OF_REPORT},
        "files_changed": report.get("files_changed", []),
        "error": _error(run, report),
        "links": links_of(run.run_id),
    }
    return Answer(200, body)


def states_json(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The states of a run, as callers see them."""
    progress = Progress()
    progress.feed(events)
    return [_state(row, running=progress.status == "RUNNING") for row in progress.rows]


def _state(row: StateRow, *, running: bool) -> dict[str, Any]:
    status = row.shown_status(running=running)
    stopped = None if row.ended is None or status == "RUNNING" else moment_of(row.ended)
    return {
        "name": row.name, "status": status, "started": moment_of(row.entered - row.still),
        "stopped": stopped, "attempts": max(1, row.attempts),
    }  # fmt: skip


def _error(run: Run, report: Mapping[str, Any]) -> dict[str, Any] | None:
    if run.running or run.status == "SUCCEEDED":
        return None
    told = report.get("error") if run.status == "FAILED" else None
    if told:
        names = ("state", "category", "message", "remedy", "retryable")
        return {name: told.get(name) for name in names}
    ended = failure_of_end(run.status, run.cause)
    message = ended.message if ended else one_paragraph(f"The run failed. {run.cause}", 1000)
    category = ended.category if ended else run.error or run.status.lower()
    remedy = f"Continue it: POST {links_of(run.run_id)['redrive']}"
    return {
        "state": None, "category": category, "message": message, "remedy": remedy,
        "retryable": bool(ended),
    }  # fmt: skip
