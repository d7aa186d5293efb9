"""The command ``stepherd list``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.number_options import WholeNumber
from stepherd.cli.options import command as declared
from stepherd.client.records import Run
from stepherd.client.run_text import status_colour, status_text, waiting_remark
from stepherd.history.runs import STATUSES
from stepherd.remedies import Remedy
from stepherd.text.durations import seconds_text

__all__ = ["command"]

_LIMIT = 20


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
    help="The largest number of runs to list, 1 to 1000.",
)
def command(call: Invocation, status: str | None, limit: int) -> int:
    """List runs, newest first, and say for whom a run is waiting."""
    runs = call.client.runs(status=status, limit=limit + 1)
    shown, more = runs[:limit], len(runs) > limit
    if call.output.as_json:
        call.output.json({"runs": [_fields(run) for run in shown]})
        return 0
    column = max((len(run.id) for run in shown), default=0)
    for run in shown:
        waits = run.waiting_for
        colour = "yellow" if waits else status_colour(run.status)
        call.output.data(_line(run, column) + (f"  {waiting_remark(waits)}" if waits else ""), fg=colour)
    if not runs:
        which = f"No run is {status_text(status.upper())}" if status else "No runs yet"
        none = Remedy(f"{which} in {call.backend.title}. Start one: ", ("run", "--help"))
        call.output.note(call.advice(none))
    elif more and limit == _LIMIT:
        call.output.note(f"There are more: {call.command('list', '--limit', str(_LIMIT * 10))}")
    return 0


def _line(run: Run, column: int) -> str:
    began = run.started.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    took = seconds_text(((run.stopped or datetime.now(UTC)) - run.started).total_seconds())
    return f"{run.id:<{column}}  {status_text(run.status):<9}  {began}  {took:>12}"


def _fields(run: Run) -> dict[str, object]:
    return {
        "run_id": run.id,
        "status": run.status,
        "started": run.started.timestamp(),
        "stopped": run.stopped.timestamp() if run.stopped else None,
        "redrives": run.redrives,
        "waiting_for": run.waiting_for.to_json() if run.waiting_for else None,
    }
