"""The command ``stepherd resume``."""

from __future__ import annotations

import click

from stepherd.backends.client import execution_arn
from stepherd.backends.home.engines import reading
from stepherd.backends.home.unfinished import unfinished_runs
from stepherd.cli.follow.follow import follow
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.remedies import RUN, Remedy

__all__ = ["command"]


@declared("resume", examples=("stepherd resume", "stepherd resume RUN"), names_run=True)
@click.argument("run_id", metavar="[RUN]", required=False)
def command(call: Invocation, run_id: str | None) -> int:
    """Continue runs that were interrupted, such as by a crash, and follow one to its end.

    Every unfinished run continues. RUN is the one to follow; the default is the oldest.
    """
    call.only_local(
        "resume",
        Remedy(
            "Runs on a stack continue by themselves: ",
            ("watch", RUN),
            ". Here: ",
            ("resume", "--context", "local"),
        ),
    )
    with reading(call.home) as ask:
        if run_id:
            ask("DescribeExecution", {"executionArn": execution_arn(run_id)})
        unfinished = unfinished_runs(call.home, ask)
    if not run_id and not unfinished:
        call.output.note("Nothing is unfinished.")
        if call.output.as_json:
            call.output.json({"runs": []})
        return 0
    followed = run_id or unfinished[-1]
    others = [name for name in unfinished if name != followed]
    if others:
        call.output.note(f"Also continuing: {', '.join(others[::-1])}")
    return follow(call, lambda _call: followed)  # Opening an engine resumes what is unfinished.
