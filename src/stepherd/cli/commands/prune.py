"""The command ``stepherd prune``."""

from __future__ import annotations

import time

import click

from stepherd.backends.home.pruning import Criteria, Pruned, prune
from stepherd.cli.invocation import Invocation
from stepherd.cli.number_options import Age, WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.options import complete_run
from stepherd.errors import UsageError
from stepherd.remedies import Remedy
from stepherd.services.step_functions.errors import NoSuchRun

__all__ = ["command"]

_SHOWN = 10


@declared(
    "prune",
    examples=("stepherd prune --older-than 30d --dry-run", "stepherd prune --keep 100", "stepherd prune RUN"),
    contexts=False,
)
@click.argument("run_ids", metavar="[RUN]...", nargs=-1, shell_complete=complete_run)
@click.option("--older-than", type=Age(), metavar="AGE", help="Runs that ended so long ago: 30d, 12h, 4w.")
@click.option(
    "--keep",
    type=WholeNumber(1, 1_000_000),
    metavar="N",
    help="All but the newest N. With both options, both must hold.",
)
@click.option("--with-work", is_flag=True, help="Also runs with work that is on no branch.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def command(
    call: Invocation,
    run_ids: tuple[str, ...],
    older_than: float | None,
    keep: int | None,
    with_work: bool,
    dry_run: bool,
) -> int:
    """Remove old runs from this machine's home, and give the space back.

    A run goes with its history, its logs and its run folder. One that has not ended stays, and so does
    one with work that is on no branch, unless it is named, by its whole id, or --with-work is given.
    Ended executions of other state machines go by the same age and number, each machine for itself.
    """
    if bool(run_ids) == (older_than is not None or keep is not None):
        raise UsageError(
            "Say which runs are to be removed: by their ids, or by their age or number.",
            remedy=Remedy("For example: ", ("prune", "--older-than", "30d", "--dry-run")),
        )
    before = None if older_than is None else time.time() - older_than
    criteria = Criteria(run_ids, before, keep or 0, with_work)
    try:
        done = prune(call.home, criteria, dry_run=dry_run)
    except NoSuchRun as error:
        whole = Remedy("To remove a run, give its whole id. List the runs: ", ("list",))
        raise NoSuchRun(error.message, remedy=whole) from error
    if call.output.as_json:
        call.output.json(_fields(done, dry_run))
    else:
        _show(call, done, dry_run)
    return 0


def _fields(done: Pruned, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "runs": done.runs,
        "other_executions": done.others,
        "bytes": done.bytes,
        "with_work": done.with_work,
        "kept": done.kept,
        "busy": done.busy,
    }


def _show(call: Invocation, done: Pruned, dry_run: bool) -> None:
    for run_id in done.runs:
        work = done.with_work.get(run_id)
        call.output.data(f"{run_id}  ({work})" if work else run_id)
    verb = "Would remove" if dry_run else "Removed"
    others = f" and {_count(done.others, 'other execution')}" if done.others else ""
    call.output.note(f"{verb} {_count(len(done.runs), 'run')}{others}, {done.bytes / 1e6:.1f} MB of files.")
    for name in done.busy[:_SHOWN]:
        call.output.note(f"  kept     {name}: part of it is still running")
    for run_id, work in list(done.kept.items())[:_SHOWN]:
        call.output.note(f"  kept     {run_id}: {work}")
    if len(done.kept) > _SHOWN:
        call.output.note(f"  kept     {len(done.kept) - _SHOWN} more")
    if done.kept:
        first = next(iter(done.kept))
        words = Remedy("Fetch such work with: ", ("pull", first), "; --with-work removes it, too.")
        call.output.note(call.advice(words))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
