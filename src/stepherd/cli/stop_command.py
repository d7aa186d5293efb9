"""``stepherd stop``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stepherd.cli.client import execution_arn
from stepherd.cli.options import home_option, home_path, json_option, run_argument
from stepherd.cli.output import Output

__all__ = ["command"]


@click.command("stop", short_help="Stop a run and everything it started.")
@run_argument
@click.option("--reason", metavar="TEXT", default="stopped by 'stepherd stop'", help="Kept with the run.")
@json_option
@home_option
def command(home: Path | None, as_json: bool, run_id: str, reason: str) -> int:
    """Stop a run and everything it started: SIGTERM, the stop timeout, SIGKILL."""
    from stepherd.cli.drive import on_engine, snapshot
    from stepherd.cli.engines import reading
    from stepherd.cli.sources import CallSource, Source

    output, place = Output(as_json=as_json), home_path(home)
    with reading(place) as call:
        before = call("DescribeExecution", {"executionArn": execution_arn(run_id)})["status"]

    async def stop(source: Source) -> None:
        request = {"executionArn": execution_arn(run_id), "error": "Stopped", "cause": reason}
        await source.call("StopExecution", request)

    if before == "RUNNING":
        on_engine(place, stop)
    with reading(place) as call:
        fields: dict[str, Any] = _snapshot(snapshot(CallSource(call), place, run_id))
    if as_json:
        output.json(fields)
    elif before != "RUNNING":
        output.note(f"{run_id} had ended before: {before}.")
    else:
        output.note(f"Stopped {run_id}.\n  next     stepherd redrive {run_id}")
    return 0


def _snapshot(work: Any) -> dict[str, Any]:
    import asyncio

    fields: dict[str, Any] = asyncio.run(work)
    return fields
