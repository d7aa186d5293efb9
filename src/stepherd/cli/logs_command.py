"""``stepherd logs``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from stepherd.cli.client import execution_arn
from stepherd.cli.options import home_option, home_path, json_option, run_argument
from stepherd.cli.output import Output

__all__ = ["command"]


@click.command("logs", short_help="Show what a run's tasks wrote.")
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@click.option(
    "--tail", type=click.IntRange(0), default=100, show_default=True, help="How many of the last lines."
)
@click.option("--state", metavar="NAME", help="Only this state, as in RunAgent.")
@json_option
@home_option
def command(home: Path | None, as_json: bool, run_id: str, follow: bool, tail: int, state: str | None) -> int:
    """Show what a run's tasks wrote: the last 100 lines, and with -f everything until the run ends."""
    from stepherd.cli.task_logs import LogReader, show_lines

    output, place = Output(as_json=as_json), home_path(home)
    reader = LogReader(place, run_id, state)
    from stepherd.cli.engines import reading
    from stepherd.cli.sources import CallSource

    with reading(place) as call:
        call("DescribeExecution", {"executionArn": execution_arn(run_id)})
        asyncio.run(reader.learn(CallSource(call)))
    show_lines(output, reader.read()[-tail:] if tail else [])
    if follow:
        asyncio.run(reader.follow(output))
    return 0
