"""How a run ended, as JSON, in words, and as an exit code."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from stepherd.backends.client import Call, EngineGone
from stepherd.cli.follow.outcome_text import outcome_lines
from stepherd.cli.output import Output
from stepherd.errors import StepherdError
from stepherd.history.progress import Progress
from stepherd.runs.folder import REPORT, RunFolder, run_folder
from stepherd.services.json_text import read_json

__all__ = ["describe", "finish", "own_run_folder"]

_EXIT_CODES = {"SUCCEEDED": 0, "RUNNING": 0, "FAILED": 1, "TIMED_OUT": 1, "ABORTED": 2}

_OF_REPORT: Final = ("branch", "commit", "base_commit", "compare", "bundle", "verify", "partial", "summary",
                     "automation", "kept", "commits",
                     "left_out")  # fmt: skip


def own_run_folder(output: Output, run_id: str) -> RunFolder:
    """A run's folder in the store of the command's place."""
    return run_folder(output.place.store(), run_id)


def finish(output: Output, call: Call, run_id: str, progress: Progress) -> int:
    """Show how a run ended; the exit code."""
    try:
        fields = describe(output, call, run_id, progress)
    except EngineGone:  # It ended with the run.
        with output.place.reading() as journal:
            fields = describe(output, journal, run_id, progress)
    if output.as_json:
        output.json(fields)
    else:
        for text, how in outcome_lines(output, fields):
            output.note(text, **how)
        if output.is_read and fields["status"] == "SUCCEEDED":
            output.data(str(fields["branch"] or run_id))
    return _EXIT_CODES[fields["status"]]


def describe(output: Output, call: Call, run_id: str, progress: Progress) -> dict[str, Any]:
    """What ``--json`` prints for a run: stable names, null where there is nothing."""
    described = call("DescribeExecution", {"executionArn": output.place.execution_arn(run_id)})
    # An execution that has ended by its history may be described as running a moment longer.
    status = progress.status if progress.status != "RUNNING" else described["status"]
    running = status == "RUNNING"
    report = {} if running else _read_report(output, run_id)
    # A run that was stopped or timed out wrote no report; one that lies there is of before a redrive.
    error = report.get("error") if status == "FAILED" else None
    error = error or _error_without_report(run_id, status, described)
    now = time.time()
    return {
        "run_id": run_id,
        "status": status,
        **{name: report.get(name) for name in _OF_REPORT},
        **{name: value for name, value in _proven(status, described).items() if name in _OF_REPORT},
        "files_changed": report.get("files_changed", []),
        "report": _shown_address(own_run_folder(output, run_id)) if report else None,
        "console": output.place.console(run_id),
        "states": [row.to_json(now, running=running) for row in progress.rows],
        "seconds": round(progress.seconds(now), 3),
        "redrives": described.get("redriveCount", 0),
        "error": None if status in ("SUCCEEDED", "RUNNING") else _with_home(output, error),
    }


def _proven(status: str, described: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the execution itself says that came of it: report.json can be written over, its output cannot."""
    output = read_json(described.get("output") or "{}") if status == "SUCCEEDED" else {}
    return output if isinstance(output, Mapping) else {}


def _with_home(output: Output, error: Mapping[str, Any]) -> dict[str, Any]:
    advised = {name: output.advice(str(error[name])) for name in ("remedy", "next") if error.get(name)}
    return {**error, **advised}


def _shown_address(folder: RunFolder) -> str:
    address = folder.address_of(REPORT)
    return unquote(address.removeprefix("file://")) if address.startswith("file://") else address


def _read_report(output: Output, run_id: str) -> dict[str, Any]:
    try:
        return own_run_folder(output, run_id).read_report() or {}
    except StepherdError as error:
        output.note(f"The report cannot be read. {error}")
        return {}


def _error_without_report(run_id: str, status: str, described: Mapping[str, Any]) -> dict[str, Any]:
    """The error of a run that ended before its report could be written: stopped, or timed out."""
    cause = described.get("cause")
    words = {
        "ABORTED": f"The run was stopped: {cause}" if cause else "The run was stopped.",
        "TIMED_OUT": "The run reached its time limit.",
    }
    message = words.get(status) or str(cause or described.get("error") or "The run failed.")
    category = str(described.get("error") or status.lower())
    return {"category": category, "message": message, "remedy": "", "next": f"stepherd redrive {run_id}"}
