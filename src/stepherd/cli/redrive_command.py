"""``stepherd redrive``."""

from __future__ import annotations

import uuid

from stepherd.cli.carry import carry
from stepherd.cli.client import ApiFault, Call, execution_arn
from stepherd.cli.engines import reading
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.output import Output
from stepherd.cli.progress import Progress
from stepherd.cli.sources import new_events
from stepherd.errors import StepherdError, UsageError

__all__ = ["command"]


@declared("redrive", examples=("stepherd redrive RUN",))
@run_argument
def command(output: Output, run_id: str) -> int:
    """Run again what a failed, stopped or timed out run left undone, and follow it to its end.

    What succeeded is not run again: an agent's work is never paid for twice.
    """
    progress = Progress()
    with reading(output.home) as call:
        described = call("DescribeExecution", {"executionArn": execution_arn(run_id)})
        progress.feed(new_events(call, run_id, 0))
    if described.get("redriveStatusReason"):
        raise _refused(run_id, described["redriveStatusReason"])
    token = uuid.uuid4().hex

    def begin(call: Call) -> str:
        try:
            call("RedriveExecution", {"executionArn": execution_arn(run_id), "clientToken": token})
        except ApiFault as error:
            raise _refused(run_id, error.message) from error
        return run_id

    # What is known already is no news: only what follows the redrive is shown as such.
    return carry(output, begin, progress=progress)


def _refused(run_id: str, reason: str) -> StepherdError:
    return UsageError(
        f"{run_id} cannot be redriven: {reason.rstrip('.')}.", remedy=f"See: stepherd status {run_id}"
    )
