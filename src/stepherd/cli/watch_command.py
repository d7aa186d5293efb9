"""``stepherd watch``."""

from __future__ import annotations

from pathlib import Path

import click

from stepherd.cli.client import execution_arn
from stepherd.cli.options import home_option, home_path, json_option, run_argument
from stepherd.cli.output import Output
from stepherd.errors import TemporaryError

__all__ = ["command"]


@click.command("watch", short_help="Follow a run until it ends.")
@run_argument
@json_option
@home_option
def command(home: Path | None, as_json: bool, run_id: str) -> int:
    """Follow a run until it ends; the exit code is the run's. Ctrl-C only stops watching."""
    from stepherd.cli.drive import drive
    from stepherd.cli.engines import reading
    from stepherd.cli.sources import Source
    from stepherd.engine.lock import find_engine

    output, place = Output(as_json=as_json), home_path(home)
    with reading(place) as call:
        status = call("DescribeExecution", {"executionArn": execution_arn(run_id)})["status"]
    if status == "RUNNING" and find_engine(place) is None:
        words = f"{run_id} is not finished, and no engine runs on {place}."
        raise TemporaryError(words, remedy=f"Go on with it: stepherd resume {run_id}")

    async def begin(source: Source) -> str:  # noqa: ARG001 - it has begun
        return run_id

    return drive(place, output, begin)
