"""How a run stands or ended, as one object: what ``--json`` prints, and what reports are made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from stepherd.backends.client import Call
from stepherd.errors import StepherdError
from stepherd.history.progress import Progress
from stepherd.remedies import command_text, commands_in, known_remedy, of_run
from stepherd.runs.causes import failure_of_end
from stepherd.runs.folder import REPORT, RunFolder, run_folder
from stepherd.services.json_text import read_json

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend

__all__ = ["EXIT_CODES", "describe"]

EXIT_CODES: Final = {"SUCCEEDED": 0, "RUNNING": 0, "FAILED": 1, "TIMED_OUT": 1, "ABORTED": 2}
"""Of a program that has waited for a run, by the run's status."""
_ADVICE: Final = ("remedy", "next")
_OF_REPORT: Final = ("branch", "commit", "base_commit", "compare", "bundle", "verify", "partial", "summary",
                     "automation", "kept", "commits", "totals",
                     "left_out")  # fmt: skip


def describe(
    backend: Backend,
    call: Call,
    run_id: str,
    progress: Progress,
    *,
    advise: Callable[[str], str] = str,
    tell: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Everything that there is to say of a run, by stable names, null where there is nothing.

    ``advise`` completes the commands that its error suggests; ``tell`` takes why a report cannot be read.
    """
    described = call("DescribeExecution", {"executionArn": backend.execution_arn(run_id)})
    # An execution that has ended by its history may be described as running a moment longer.
    status = progress.status if progress.status != "RUNNING" else described["status"]
    running = status == "RUNNING"
    folder = run_folder(backend.store(), run_id)
    report = {} if running else _read_report(folder, tell)
    # A run that was stopped or timed out wrote no report; one that lies there is of before a redrive.
    error = report.get("error") if status == "FAILED" else None
    error = error or _error_without_report(run_id, status, described)
    now = time.time()
    told = {**report, **_proven(status, described)}
    return {
        "run_id": run_id,
        "status": status,
        **{name: told.get(name) for name in _OF_REPORT},
        "summary": told.get("summary") and advise(known_remedy(told["summary"], report.get("commands"))),
        "files_changed": report.get("files_changed", []),
        "report": _shown_address(folder) if report else None,
        "console": backend.console(run_id),
        "states": [row.to_json(now, running=running) for row in progress.rows],
        "seconds": round(progress.seconds(now), 3),
        "redrives": described.get("redriveCount", 0),
        "error": None if status in ("SUCCEEDED", "RUNNING") else _advised(error, advise),
    }


def _proven(status: str, described: Mapping[str, Any]) -> Mapping[str, Any]:
    """The outcome by the execution's own output, which cannot be written over; report.json can."""
    output = read_json(described.get("output") or "{}") if status == "SUCCEEDED" else {}
    return output if isinstance(output, Mapping) else {}


def _advised(error: Mapping[str, Any], advise: Callable[[str], str]) -> dict[str, Any]:
    """The error with its commands completed. One that an earlier version wrote names none as data."""
    known = error.get("commands")
    said = {name: advise(known_remedy(str(error[name]), known)) for name in _ADVICE if error.get(name)}
    commands = dict.fromkeys(command for text in said.values() for command in commands_in(text))
    return {**error, **said, "commands": [list(command) for command in commands]}


def _shown_address(folder: RunFolder) -> str:
    address = folder.address_of(REPORT)
    return unquote(address.removeprefix("file://")) if address.startswith("file://") else address


def _read_report(folder: RunFolder, tell: Callable[[str], None] | None) -> dict[str, Any]:
    try:
        return folder.read_report() or {}
    except StepherdError as error:
        if tell is None:
            raise
        tell(f"The report cannot be read. {error}")
        return {}


def _error_without_report(run_id: str, status: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """The error of a run that ended before its report could be written: stopped, or timed out."""
    cause = str(described.get("cause") or "")
    known = failure_of_end(status, cause)
    redrive = ("redrive", run_id)
    return {
        "category": known.category if known else str(described.get("error") or status.lower()),
        "message": known.message if known else cause or str(described.get("error") or "The run failed."),
        "remedy": of_run(known.remedy, run_id) if known else "",
        "next": command_text(redrive),
        "commands": [redrive],
    }
