"""``stepherd resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stepherd.cli.client import execution_arn, machine_arn
from stepherd.cli.options import home_option, home_path, json_option
from stepherd.cli.output import Output

__all__ = ["command"]


@click.command("resume", short_help="Go on with what a dead engine left.")
@click.argument("run_id", metavar="[RUN]", required=False)
@json_option
@home_option
def command(home: Path | None, as_json: bool, run_id: str | None) -> int:
    """Go on with what a dead engine left, and follow it to its end.

    Every unfinished run goes on; RUN says which one to follow, the oldest if none is named.
    """
    from stepherd.cli.drive import drive
    from stepherd.cli.engines import reading
    from stepherd.cli.sources import Source

    output, place = Output(as_json=as_json), home_path(home)
    with reading(place) as call:
        if run_id:
            call("DescribeExecution", {"executionArn": execution_arn(run_id)})
        running = _running(call)
    if not running and not run_id:
        output.note("Nothing is unfinished.")
        if as_json:
            output.json({"runs": []})
        return 0

    async def begin(source: Source) -> str:  # noqa: ARG001 - opening the engine resumed it
        return run_id or running[-1]

    code = 0
    for wanted in [run_id] if run_id else running[::-1]:
        run_id = wanted
        code = max(code, drive(place, output, begin))
    return code


def _running(call: Any) -> list[str]:
    request = {"stateMachineArn": machine_arn(), "statusFilter": "RUNNING", "maxResults": 1000}
    return [execution["name"] for execution in call("ListExecutions", request)["executions"]]
