"""``stepherd list``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Set
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from stepherd.backends.client import LOGIN, Call
from stepherd.backends.sources import events_after
from stepherd.cli.follow.waiting_text import waiting_remark
from stepherd.cli.number_options import WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.output import Output
from stepherd.errors import CredentialsError, NotFoundError
from stepherd.history.logins import LoginProgress, Waiting
from stepherd.services.json_text import read_json
from stepherd.text.durations import seconds_text

if TYPE_CHECKING:
    from stepherd.backends.backend import Place

__all__ = ["command", "list_runs"]

_LIMIT = 20
_PAGE = 1000
"""The longest of ListExecutions."""
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
    "--limit",
    type=WholeNumber(1, 1000),
    default=_LIMIT,
    show_default=True,
    help="How many at most, 1 to 1000.",
)
def command(output: Output, status: str | None, limit: int) -> int:
    """List runs, newest first; of those that wait, for whom."""
    runs = list_runs(output.place, status, limit + 1)
    shown, more = runs[:limit], len(runs) > limit
    waiting = _waiting(output.place, {run["run_id"] for run in shown if run["status"] == "RUNNING"})
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
        output.note(f"{which} in {output.place.title}. Start one: stepherd run --help")
    elif more and limit == _LIMIT:
        output.note(f"There are more: {output.command('list', '--limit', str(_LIMIT * 10))}")
    return 0


def _line(run: Mapping[str, Any], column: int) -> str:
    began = datetime.fromtimestamp(run["started"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    took = seconds_text((run["stopped"] or time.time()) - run["started"])
    return f"{run['run_id']:<{column}}  {run['status']:<9}  {began}  {took:>12}"


def _fields(waiting: Waiting | None) -> dict[str, Any] | None:
    return waiting.to_json() if waiting else None


def _waiting(place: Place, runs: Set[str]) -> dict[str, Waiting]:
    """What each of these runs waits for that waits for a login: asked of the logins that run, a few."""
    if not runs:
        return {}
    request = {"stateMachineArn": place.machine_arn(LOGIN), "statusFilter": "RUNNING", "maxResults": _PAGE}
    found: dict[str, Waiting] = {}
    with contextlib.suppress(CredentialsError, NotFoundError), place.reading() as call:
        # Who may see runs alone still sees them.
        for execution in call("ListExecutions", request)["executions"]:
            login = LoginProgress(execution["executionArn"])
            run = _started_by(call, login.arn)
            if run in runs and login.feed(events_after(call, login.arn, 0)) and login.waiting:
                found[run] = login.waiting
    return found


def _started_by(call: Call, arn: str) -> str:
    """The run that a login was started by; a person's own has none."""
    try:
        given = read_json(call("DescribeExecution", {"executionArn": arn})["input"])
        return str(given.get(_PARENT, "")).rpartition(":")[2]
    except (ValueError, AttributeError):
        return ""


def list_runs(place: Place, status: str | None, limit: int) -> list[dict[str, Any]]:
    """The runs of a place, newest first; none where there is no home yet."""
    request: dict[str, Any] = {"stateMachineArn": place.machine_arn(), "maxResults": min(limit, _PAGE)}
    if status:
        request["statusFilter"] = status.upper()
    found: list[dict[str, Any]] = []
    try:
        with place.reading() as call:
            while True:
                answer = call("ListExecutions", request)
                found += answer["executions"]
                if len(found) >= limit or not answer.get("nextToken"):
                    break
                request["nextToken"] = answer["nextToken"]
    except NotFoundError:
        return []
    return [
        {"run_id": e["name"], "status": e["status"], "started": e["startDate"], "stopped": e.get("stopDate"),
         "redrives": e.get("redriveCount", 0)}
        for e in found[:limit]
    ]  # fmt: skip
