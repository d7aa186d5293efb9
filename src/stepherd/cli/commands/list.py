"""``stepherd list``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from stepherd.backends.client import LOGIN
from stepherd.cli.follow.waiting_text import waiting_remark
from stepherd.cli.number_options import WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.output import Output
from stepherd.errors import NotFoundError
from stepherd.history.logins import Waiting
from stepherd.history.runs import STATUSES, list_runs, waiting_runs
from stepherd.text.durations import seconds_text

if TYPE_CHECKING:
    from stepherd.backends.backend import Place

__all__ = ["command"]

_LIMIT = 20
_COLOURS = {"SUCCEEDED": "green", "RUNNING": "cyan", "ABORTED": "yellow"}


@declared(
    "list", examples=("stepherd list --status failed", "stepherd list --json | jq -r '.runs[0].run_id'")
)
@click.option(
    "--status", type=click.Choice(STATUSES, case_sensitive=False), help="Only runs with this status."
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
    runs, waiting = _found(output.place, status, limit + 1)
    shown, more = runs[:limit], len(runs) > limit
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


def _found(place: Place, status: str | None, limit: int) -> tuple[list[dict[str, Any]], dict[str, Waiting]]:
    """The runs of a place, newest first, and what they wait for; none where there is no home yet."""
    machine = place.machine_arn()  # Outside: a stack that is not there is an error.
    with contextlib.suppress(NotFoundError), place.reading() as call:
        runs = list_runs(call, machine, status, limit)
        running = {run["run_id"] for run in runs if run["status"] == "RUNNING"}
        return runs, waiting_runs(call, place.machine_arn(LOGIN), running)
    return [], {}


def _line(run: Mapping[str, Any], column: int) -> str:
    began = datetime.fromtimestamp(run["started"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    took = seconds_text((run["stopped"] or time.time()) - run["started"])
    return f"{run['run_id']:<{column}}  {run['status']:<9}  {began}  {took:>12}"


def _fields(waiting: Waiting | None) -> dict[str, Any] | None:
    return waiting.to_json() if waiting else None
