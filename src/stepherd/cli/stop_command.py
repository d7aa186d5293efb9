"""``stepherd stop``."""

from __future__ import annotations

import click

from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.outcome import describe
from stepherd.cli.output import Output
from stepherd.cli.progress import Progress
from stepherd.cli.sources import events_after

__all__ = ["command"]


@declared("stop", examples=("stepherd stop RUN", "stepherd stop RUN --reason 'wrong instructions'"))
@run_argument
@click.option("--reason", metavar="TEXT", default="stopped by 'stepherd stop'", help="Kept with the run.")
def command(output: Output, run_id: str, reason: str) -> int:
    """Stop a run and everything it started, and wait until it is gone: SIGTERM, the stop timeout, SIGKILL."""
    arn = output.place.execution_arn(run_id)
    with output.place.reading() as call:
        before = call("DescribeExecution", {"executionArn": arn})["status"]
    if before == "RUNNING":
        request = {"executionArn": arn, "error": "Stopped", "cause": reason[:32_000]}
        output.note(f"Stopping {run_id} and what it started.")
        output.place.stop(output, run_id, request)
    progress = Progress()
    with output.place.reading() as call:
        progress.feed(events_after(call, arn, 0))
        fields = describe(output, call, run_id, progress)
    if output.as_json:
        output.json(fields)
    elif before != "RUNNING":
        output.note(f"{run_id} had ended before: {before}.")
    else:
        output.note(f"Stopped.\n  next     {output.command('redrive', run_id)}")
    return 0
