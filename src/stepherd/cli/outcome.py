"""How a run ended, in words, as JSON, and as an exit code."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepherd.cli.output import Output, clean, seconds_text, style
from stepherd.cli.progress import Progress
from stepherd.errors import StepherdError
from stepherd.runs.folder import REPORT, REPORT_PAGE, open_run_folder

__all__ = ["EXIT_CODES", "outcome_fields", "read_report", "run_folder_of", "show_outcome"]

EXIT_CODES = {"SUCCEEDED": 0, "RUNNING": 0, "FAILED": 1, "TIMED_OUT": 1, "ABORTED": 2}
_STATUS_COLOURS = {"SUCCEEDED": "green", "RUNNING": "cyan", "ABORTED": "yellow"}


def run_folder_of(home: Path, run_id: str) -> str:
    """The reference of a run's folder."""
    return f"{(home / 'store' / 'runs' / run_id).as_uri()}"


def read_report(home: Path, run_id: str) -> dict[str, Any]:
    """A run's report.json; empty where there is none."""
    try:
        return open_run_folder(run_folder_of(home, run_id)).read_report() or {}
    except StepherdError:
        return {}


def outcome_fields(
    home: Path, run_id: str, described: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """What ``--json`` prints for a run: stable names, null where there is nothing."""
    report = read_report(home, run_id) if described["status"] != "RUNNING" else {}
    error = report.get("error") or _error_without_report(run_id, described)
    folder = home / "store" / "runs" / run_id
    known = ("branch", "commit", "base_commit", "compare", "bundle", "verify", "partial", "summary")
    now = time.time()
    return {
        "run_id": run_id,
        "status": described["status"],
        **{name: report.get(name) for name in known},
        "files_changed": report.get("files_changed", []),
        "report": str(folder / REPORT) if report else None,
        "states": [row.to_json(now) for row in progress.rows],
        "seconds": round((progress.ended or now) - progress.started, 3),
        "redrives": described.get("redriveCount", 0),
        "error": error if described["status"] not in ("SUCCEEDED", "RUNNING") else None,
    }


def _error_without_report(run_id: str, described: Mapping[str, Any]) -> dict[str, Any] | None:
    """The error of a run that ended before its report could be written: stopped, or timed out."""
    status = described["status"]
    if status in ("SUCCEEDED", "RUNNING"):
        return None
    words = {"ABORTED": "The run was stopped.", "TIMED_OUT": "The run reached its time limit."}
    message = words.get(status) or str(described.get("cause") or described.get("error") or "The run failed.")
    given = described.get("cause") if status == "ABORTED" else None
    message = f"The run was stopped: {given}" if given else message
    category = str(described.get("error") or status.lower())
    return {"category": category, "message": message, "remedy": "", "next": f"stepherd redrive {run_id}"}


def show_outcome(output: Output, home: Path, fields: Mapping[str, Any]) -> None:
    """The end of a run for a person: what there is now, and what to do next."""
    status = str(fields["status"])
    took = seconds_text(float(fields["seconds"]))
    colour = _STATUS_COLOURS.get(status, "red")
    head = style(status.replace("_", " "), fg=colour, bold=True)
    output.styled(f"\n{head}  {clean(str(fields['run_id']))}  {took}")
    rows = [
        ("summary", fields.get("summary")),
        ("branch", fields.get("branch")),
        ("commit", fields.get("commit")),
    ]
    rows += [("compare", fields.get("compare")), ("files", _files(fields))]
    rows += [
        (
            "report",
            home / "store" / "runs" / str(fields["run_id"]) / REPORT_PAGE if fields["report"] else None,
        )
    ]
    for name, value in rows:
        if value:
            output.note(f"  {name:<8} {value}")
    _show_error(output, fields)
    for command in _next_commands(fields):
        output.note(f"  next     {command}")


def _files(fields: Mapping[str, Any]) -> str:
    changed = fields.get("files_changed") or []
    shown = [f"{item['path']} +{item.get('added') or 0} -{item.get('deleted') or 0}" for item in changed[:6]]
    more = f" and {len(changed) - 6} more" if len(changed) > 6 else ""
    return ", ".join(shown) + more


def _show_error(output: Output, fields: Mapping[str, Any]) -> None:
    error = fields.get("error")
    if not error:
        return
    where = f"in {error['state']}: " if error.get("state") else ""
    output.styled(f"  {style('error', fg='red')}    {clean(where + str(error['message']))}")
    if error.get("remedy"):
        output.note(f"  remedy   {error['remedy']}")


def _next_commands(fields: Mapping[str, Any]) -> list[str]:
    run_id, error = fields["run_id"], fields.get("error")
    if error:
        commands = [str(error.get("next") or f"stepherd redrive {run_id}"), f"stepherd logs {run_id}"]
        return list(dict.fromkeys(commands))
    if fields["status"] == "RUNNING":
        return [f"stepherd watch {run_id}", f"stepherd stop {run_id}"]
    return [f"stepherd pull {run_id}"] if fields.get("bundle") and not fields.get("branch") else []
