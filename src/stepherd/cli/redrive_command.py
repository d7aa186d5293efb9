"""``stepherd redrive``."""

from __future__ import annotations

import time
import uuid

from stepherd.cli.carry import carry
from stepherd.cli.client import ApiFault, Call
from stepherd.cli.keeping import look, until_kept
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.output import Output
from stepherd.cli.progress import Progress
from stepherd.cli.sources import Source, events_after
from stepherd.errors import StepherdError, UsageError

__all__ = ["command"]

_BEHIND_SECONDS = 30.0


@declared("redrive", examples=("stepherd redrive RUN",))
@run_argument
def command(output: Output, run_id: str) -> int:
    """Run again what a failed, stopped or timed out run left undone, and follow it to its end.

    What succeeded is not run again: an agent's work is never paid for twice.
    """
    progress, arn = Progress(), output.place.execution_arn(run_id)
    with output.place.reading() as call:
        described = call("DescribeExecution", {"executionArn": arn})
        progress.feed(events_after(call, arn, 0))
    if described.get("redriveStatusReason"):
        raise _refused(run_id, described["redriveStatusReason"])
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
            await until_kept(source.call, output.place, run_id, source.changed)

    # What is known already is no news: only what follows the redrive is shown as such.
    return carry(output, begin, progress=progress, before=before)


def _await_begin(call: Call, arn: str, after: int) -> None:
    """Wait until the history tells of the redrive: on AWS it may be a moment behind."""
    deadline = time.monotonic() + _BEHIND_SECONDS
    while not events_after(call, arn, after) and time.monotonic() < deadline:
        time.sleep(0.5)


def _refused(run_id: str, reason: str) -> StepherdError:
    return UsageError(
        f"{run_id} cannot be redriven: {reason.rstrip('.')}.", remedy=f"See: stepherd status {run_id}"
    )
