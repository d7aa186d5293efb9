"""``stepherd list``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Set
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from stepherd.cli.client import LOGIN, Call, machine_arn
from stepherd.cli.durations import seconds_text
from stepherd.cli.engines import reading
from stepherd.cli.options import command as declared
from stepherd.cli.output import Output
from stepherd.cli.sources import events_after
from stepherd.cli.waiting import LoginProgress, Waiting
from stepherd.cli.waiting_text import waiting_remark
from stepherd.errors import NotFoundError

__all__ = ["command", "list_runs"]

_LIMIT = 20
_STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
_PARENT = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
_COLOURS = {"SUCCEEDED": "green", "RUNNING": "cyan", "ABORTED": "yellow"}


@declared(
    "list", examples=("stepherd list --status failed", "stepherd list --json | jq -r '.runs[0].run_id'")
)
@click.option(
    "--status", type=click.Choice(_STATUSES, case_sensitive=False), help="Only runs with this status."
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=_LIMIT, show_default=True, help="How many at most."
)
def command(output: Output, status: str | None, limit: int) -> int:
    """List runs, newest first; of those that wait, for whom."""
    runs = list_runs(output.home, status, limit + 1)
    shown, more = runs[:limit], len(runs) > limit
    waiting = _waiting(output.home, {run["run_id"] for run in shown if run["status"] == "RUNNING"})
    if output.as_json:
        output.json({"runs": [{**run, "waiting_for": _fields(waiting.get(run["run_id"]))} for run in shown]})
        return 0
    column = max((len(run["run_id"]) for run in shown), default=0)
    for run in shown:
        waits = waiting.get(run["run_id"])
        colour = "yellow" if waits else _COLOURS.get(run["status"], "red")
        output.data(_line(run, column) + (f"  {waiting_remark(waits)}" if waits else ""), fg=colour)
    if not runs:
        which = f"No run is {status.upper()}" if status else "No runs yet"
        output.note(f"{which} in {output.home}. Start one: stepherd run --help")
    elif more and limit == _LIMIT:
        output.note(f"There are more: {output.command('list', '--limit', str(_LIMIT * 10))}")
    return 0


def _line(run: Mapping[str, Any], column: int) -> str:
    began = datetime.fromtimestamp(run["started"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    took = seconds_text((run["stopped"] or time.time()) - run["started"])
    return f"{run['run_id']:<{column}}  {run['status']:<9}  {began}  {took:>12}"


def _fields(waiting: Waiting | None) -> dict[str, Any] | None:
    return waiting.to_json() if waiting else None


def _waiting(home: Path, runs: Set[str]) -> dict[str, Waiting]:
    """What each of these runs waits for that waits for a login: asked of the logins that run, a few."""
    if not runs:
        return {}
    request = {"stateMachineArn": machine_arn(LOGIN), "statusFilter": "RUNNING", "maxResults": 1000}
    found = {}
    with reading(home) as call:
        for execution in call("ListExecutions", request)["executions"]:
            login = LoginProgress(execution["executionArn"])
            run = _started_by(call, login.arn)
            if run in runs and login.feed(events_after(call, login.arn, 0)) and login.waiting:
                found[run] = login.waiting
    return found


def _started_by(call: Call, arn: str) -> str:
    """The run that a login was started by; a person's own has none."""
    try:
        given = json.loads(call("DescribeExecution", {"executionArn": arn})["input"])
        return str(given.get(_PARENT, "")).rpartition(":")[2]
    except (ValueError, AttributeError):
        return ""


def list_runs(home: Path, status: str | None, limit: int) -> list[dict[str, Any]]:
    """The runs of a home, newest first; none where there is no home yet."""
    request: dict[str, Any] = {"stateMachineArn": machine_arn(), "maxResults": min(limit, 1000)}
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
