"""The command ``stepherd history``."""

from __future__ import annotations

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.history.runs import events_after

__all__ = ["command"]


@declared("history", examples=("stepherd history RUN | jq -r '.events[].type'",))
@run_argument
def command(call: Invocation, run_id: str) -> int:
    """Print a run's whole history as one JSON object, as AWS's GetExecutionHistory returns it."""
    with call.backend.reading() as ask:
        events = events_after(ask, call.backend.execution_arn(run_id), 0)
    call.output.json({"events": events})
    return 0
