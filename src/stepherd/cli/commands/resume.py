"""``stepherd resume``."""

from __future__ import annotations

from pathlib import Path

import click

from stepherd.backends.client import KEEP, Call, Refused, execution_arn, machine_arn
from stepherd.backends.home.engines import reading
from stepherd.cli.follow.follow import follow
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.engine.deliveries import DELIVERIES, ends_waiting
from stepherd.services.json_text import read_json

__all__ = ["command"]


@declared("resume", examples=("stepherd resume", "stepherd resume RUN"))
@click.argument("run_id", metavar="[RUN]", required=False)
def command(call: Invocation, run_id: str | None) -> int:
    """Go on with what a dead engine left, and follow it to its end.

    Every unfinished run goes on. RUN says which one to follow; without it the oldest is followed.
    """
    call.only_local(
        "resume",
        "A stack goes on by itself: stepherd watch RUN. Here: stepherd resume --context local",
    )
    with reading(call.home) as ask:
        if run_id:
            ask("DescribeExecution", {"executionArn": execution_arn(run_id)})
        unfinished = [*_running(ask), *_unkept(call.home, ask)]
    if not run_id and not unfinished:
        call.output.note("Nothing is unfinished.")
        if call.output.as_json:
            call.output.json({"runs": []})
        return 0
    followed = run_id or unfinished[-1]
    others = [name for name in unfinished if name != followed]
    if others:
        call.output.note(f"Going on, too: {', '.join(others[::-1])}")
    return follow(call, lambda _call: followed)  # Opening an engine resumes what is unfinished.


def _unkept(home: Path, ask: Call) -> list[str]:
    """Runs that were ended from outside, and whose work is still to be kept."""
    waiting = [arn.rpartition(":")[2] for arn in ends_waiting(home / DELIVERIES)]
    request = {"stateMachineArn": machine_arn(KEEP), "statusFilter": "RUNNING", "maxResults": 1000}
    try:
        keeping = [execution["executionArn"] for execution in ask("ListExecutions", request)["executions"]]
    except Refused:
        keeping = []  # The home was left by a version that kept nothing.
    inputs = (read_json(ask("DescribeExecution", {"executionArn": arn})["input"]) for arn in keeping)
    return list(dict.fromkeys([*waiting, *(given["run_id"] for given in inputs)]))


def _running(ask: Call) -> list[str]:
    request = {"stateMachineArn": machine_arn(), "statusFilter": "RUNNING", "maxResults": 1000}
    return [execution["name"] for execution in ask("ListExecutions", request)["executions"]]
