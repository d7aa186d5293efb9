"""The command ``stepherd list``."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.number_options import Age, WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.run_table import colour_of, table, whole_line
from stepherd.client.run_text import INTERRUPTED, status_text
from stepherd.history.runs import STATUSES
from stepherd.remedies import Remedy

if TYPE_CHECKING:
    from stepherd.client.records import Run

__all__ = ["command"]

_LIMIT = 20
_STOPPED = "STOPPED"
"""What the list calls ABORTED, so it is a status to ask for, too."""


@declared(
    "list",
    examples=(
        "stepherd list --status failed --since 7d",
        "stepherd list --repo my-app --agent claude",
        "stepherd list --json | jq -r '.runs[0].run_id'",
    ),
)
@click.option(
    "--status",
    type=click.Choice((*STATUSES, _STOPPED), case_sensitive=False),
    help="Only runs with this status.",
)
@click.option(
    "--repo", metavar="TEXT|PATH", help="Only runs of repositories with this in their address or path."
)
@click.option("--agent", metavar="NAME", help="Only runs of this agent.")
@click.option(
    "--since", metavar="AGE", type=Age(), help="Only runs that began within this time, such as 24h."
)
@click.option(
    "--limit",
    type=WholeNumber(1, 1000),
    default=_LIMIT,
    show_default=True,
    help="The largest number of runs to list, 1 to 1000.",
)
def command(call: Invocation, limit: int, since: int | None, **wanted: str | None) -> int:
    """List runs, newest first, with what they are about, and say for whom a run is waiting.

    At a terminal, columns are cut to its width; elsewhere lines are whole. Every command that takes a RUN
    also takes the part of its id that is shown.
    """
    if (wanted["status"] or "").upper() == _STOPPED:
        wanted["status"] = "ABORTED"
    earliest = None if since is None else datetime.now(UTC) - timedelta(seconds=since)
    runs = call.client.runs(limit=limit + 1, since=earliest, **wanted)
    shown, more = runs[:limit], len(runs) > limit
    if call.output.as_json:
        call.output.json({"runs": [_fields(run) for run in shown]})
        return 0
    abandoned = _show(call, shown)
    if not runs:
        call.output.note(call.advice(_none(call, wanted["status"], every=not any((since, *wanted.values())))))
    elif more and limit == _LIMIT:
        call.output.note(f"There are more: {call.command('list', '--limit', str(_LIMIT * 10))}")
    if abandoned:
        resume = call.command("resume")
        call.output.note(f"No engine is running, so what was interrupted stands still. Continue it: {resume}")
    return 0


def _show(call: Invocation, runs: list[Run]) -> bool:
    """Show the runs; whether some are interrupted, because nothing carries them."""
    carried = not any(run.running for run in runs) or call.client.is_carried()
    if not carried:
        runs = [replace(run, status=INTERRUPTED) if run.running else run for run in runs]
    now, columns = time.time(), call.output.columns
    if columns is None:
        column = max((len(run.id) for run in runs), default=0)
        for run in runs:
            call.output.data(whole_line(run, column, now), fg=colour_of(run))
    elif runs:
        head, *lines = table(runs, columns, now)
        call.output.data(head, dim=True)
        for run, line in zip(runs, lines, strict=True):
            call.output.data(line, fg=colour_of(run))
    return not carried


def _none(call: Invocation, status: str | None, *, every: bool) -> Remedy:
    where = call.backend.title
    if every:
        return Remedy(f"No runs yet in {where}. Start one: ", ("run", "--help"))
    which = (
        f"There is no run with the status '{status_text(status.upper())}'"
        if status
        else "There is no such run"
    )
    return Remedy(f"{which} in {where}. To see all: ", ("list",))


def _fields(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "status": run.status,
        "started": run.started.timestamp(),
        "stopped": run.stopped.timestamp() if run.stopped else None,
        "redrives": run.redrives,
        "waiting_for": run.waiting_for.to_json() if run.waiting_for else None,
        "title": run.title,
        "repo": run.repo,
        "agent": run.agent,
        "branch": run.branch,
        "cost_usd": run.cost_usd,
    }
