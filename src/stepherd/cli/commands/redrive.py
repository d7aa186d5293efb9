"""``stepherd redrive``."""

from __future__ import annotations

import time
import uuid
from typing import Any

import click

from stepherd.backends.client import ApiFault, Call
from stepherd.backends.kept_work import look, until_kept
from stepherd.backends.sources import Source, events_after
from stepherd.cli.amending import amend, continued, takes_amendments
from stepherd.cli.follow.follow import carry
from stepherd.cli.number_options import Amount, WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.output import Output
from stepherd.errors import StepherdError, UsageError
from stepherd.history.progress import Progress
from stepherd.runs.amendments import forget_amendment

__all__ = ["command"]

_BEHIND_SECONDS = 30.0


@declared("redrive", examples=("stepherd redrive RUN", "stepherd redrive RUN --timeout 7200 --max-cost 5"))
@run_argument
@click.option(
    "--timeout", "timeout_seconds", metavar="SECONDS", type=WholeNumber(), help="Another time limit."
)
@click.option(
    "--max-turns", metavar="N", type=WholeNumber(), help="Another limit of turns, over all attempts."
)
@click.option(
    "--max-cost",
    "max_cost_usd",
    metavar="USD",
    type=Amount(),
    help="Another limit of cost, over all attempts.",
)
@click.option("--branch", metavar="NAME", help="Another branch to push to.")
@click.option(
    "--allow", metavar="PATH", multiple=True, help="A path that is pushed whatever the scan says. Repeatable."
)
def command(output: Output, run_id: str, **given: Any) -> int:
    """Run again what a failed, stopped or timed out run left undone, and follow it to its end.

    What succeeded is not run again: an agent's work is never paid for twice. The options change the run from
    here on. Where a redrive cannot take them up, a new run continues this one, with its work: RUN.2.
    """
    given["allow"] = ",".join(given["allow"]) or None
    fields = {name: value for name, value in given.items() if value is not None}
    progress, arn = Progress(), output.place.execution_arn(run_id)
    with output.place.reading() as call:
        described = call("DescribeExecution", {"executionArn": arn})
        progress.feed(events_after(call, arn, 0))
    if described.get("redriveStatusReason"):
        raise _refused(run_id, described["redriveStatusReason"])
    redrives = int(described.get("redriveCount", 0))
    if fields:
        with output.place.reading() as call:
            reaches = takes_amendments(call, arn, described, progress)
        if not reaches:
            return _continue(output, run_id, fields)
        amend(output, run_id, redrives, fields)
    else:
        forget_amendment(output.place.store(), run_id, redrives + 1)
    token = uuid.uuid4().hex

    def begin(call: Call) -> str:
        try:
            call("RedriveExecution", {"executionArn": arn, "clientToken": token})
        except ApiFault as error:
            raise _refused(run_id, error.message) from error
        _await_begin(call, arn, progress.last_event)
        return run_id

    async def before(source: Source) -> None:
        kept = look(source.call, output.place, run_id)
        if kept is not None and not kept.over:
            output.note("Its work is still being kept; the redrive begins when it is.")
            await until_kept(source.call, output.place, run_id, source.changed, source.unfinished)

    # What is known already is no news: only what follows the redrive is shown as such.
    return carry(output, begin, progress=progress, before=before)


def _continue(output: Output, run_id: str, fields: dict[str, Any]) -> int:
    new_id, request = continued(output, run_id, fields)
    output.note(
        f"A redrive of {run_id} would not take these options up: {new_id} continues it, with its work."
    )
    return output.place.start(output, new_id, request, output.place.runner_of(run_id), detach=False)


def _await_begin(call: Call, arn: str, after: int) -> None:
    """Wait until the history tells of the redrive: on AWS it may be a moment behind."""
    deadline = time.monotonic() + _BEHIND_SECONDS
    while not events_after(call, arn, after) and time.monotonic() < deadline:
        time.sleep(0.5)


def _refused(run_id: str, reason: str) -> StepherdError:
    return UsageError(
        f"{run_id} cannot be redriven: {reason.rstrip('.')}.", remedy=f"See: stepherd status {run_id}"
    )
