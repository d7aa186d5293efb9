"""``stepherd stop``."""

from __future__ import annotations

import click

from stepherd.backends.kept_work import look
from stepherd.backends.sources import events_after
from stepherd.cli.follow.outcome import describe
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.output import Output
from stepherd.history.progress import Progress

__all__ = ["command"]


@declared("stop", examples=("stepherd stop RUN", "stepherd stop RUN --reason 'wrong instructions'"))
@run_argument
@click.option("--reason", metavar="TEXT", default="stopped by 'stepherd stop'", help="Kept with the run.")
def command(output: Output, run_id: str, reason: str) -> int:
    """Stop a run and everything it started, and keep its work.

    Its tasks get SIGTERM, the stop timeout, SIGKILL. What the agent did until then is pushed to the run's
    branch as partial work, and the report is written.
    """
    arn = output.place.execution_arn(run_id)
    with output.place.reading() as call:
        before = call("DescribeExecution", {"executionArn": arn})["status"]
        kept = look(call, output.place, run_id)
    if before == "RUNNING" or (kept is not None and not kept.over):
        request = {"executionArn": arn, "error": "Stopped", "cause": reason[:32_000]}
        output.note(f"Stopping {run_id} and what it started.")
        kept = output.place.stop(output, run_id, request)
    progress = Progress()
    with output.place.reading() as call:
        progress.feed(events_after(call, arn, 0))
        fields = describe(output, call, run_id, progress)
        if kept is None or not kept.over:
            kept = look(call, output.place, run_id)
    if output.as_json:
        output.json({**fields, "kept": None if kept is None else kept.to_json()})
        return 0
    if before != "RUNNING":
        output.note(f"{run_id} had ended before: {before}.")
    if kept is not None:
        output.note(output.advice(kept.words()))
    if before == "RUNNING":
        output.note(f"  next     {output.command('redrive', run_id)}")
    return 0
