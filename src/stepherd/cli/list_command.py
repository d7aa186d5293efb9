"""``stepherd list``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from stepherd.cli.client import machine_arn
from stepherd.cli.engines import reading
from stepherd.cli.options import home_option, home_path, json_option
from stepherd.cli.output import Output, seconds_text
from stepherd.errors import NotFoundError

__all__ = ["command"]

_STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


@click.command("list", short_help="List runs, newest first.")
@click.option(
    "--status", type=click.Choice(_STATUSES, case_sensitive=False), help="Only runs with this status."
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most."
)
@json_option
@home_option
def command(home: Path | None, as_json: bool, status: str | None, limit: int) -> int:
    """List runs, newest first."""
    output, runs = Output(as_json=as_json), _runs(home_path(home), status, limit)
    if as_json:
        output.json({"runs": runs})
        return 0
    for run in runs:
        began = datetime.fromtimestamp(run["started"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        took = seconds_text(run["stopped"] - run["started"]) if run["stopped"] else ""
        output.data(f"{run['run_id']:<28}  {run['status']:<9}  {began}  {took}".rstrip())
    if not runs:
        output.note("No runs yet. Start one: stepherd run --help")
    return 0


def _runs(home: Path, status: str | None, limit: int) -> list[dict[str, Any]]:
    request: dict[str, Any] = {"stateMachineArn": machine_arn(), "maxResults": limit}
    if status:
        request["statusFilter"] = status.upper()
    try:
        with reading(home) as call:
            found = call("ListExecutions", request)["executions"]
    except NotFoundError:
        return []
    return [
        {"run_id": e["name"], "status": e["status"], "started": e["startDate"], "stopped": e.get("stopDate"),
         "redrives": e["redriveCount"]}
        for e in found
    ]  # fmt: skip
