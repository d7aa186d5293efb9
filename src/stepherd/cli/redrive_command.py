"""``stepherd redrive``."""

from __future__ import annotations

from pathlib import Path

import click

from stepherd.cli.client import ApiFault, execution_arn
from stepherd.cli.options import home_option, home_path, json_option, run_argument
from stepherd.cli.output import Output
from stepherd.errors import UsageError

__all__ = ["command"]


@click.command("redrive", short_help="Run again what a failed run left undone.")
@run_argument
@json_option
@home_option
def command(home: Path | None, as_json: bool, run_id: str) -> int:
    """Run again what a failed, stopped or timed out run left undone; what succeeded is not run again."""
    from stepherd.cli.drive import drive
    from stepherd.cli.engines import reading
    from stepherd.cli.sources import Source

    output, place = Output(as_json=as_json), home_path(home)
    with reading(place) as call:
        described = call("DescribeExecution", {"executionArn": execution_arn(run_id)})
    reason = described.get("redriveStatusReason")
    if reason:
        raise UsageError(f"{run_id} cannot be redriven: {reason}", remedy=f"See: stepherd status {run_id}")

    async def begin(source: Source) -> str:
        try:
            await source.call("RedriveExecution", {"executionArn": execution_arn(run_id)})
        except ApiFault as error:
            raise UsageError(f"{run_id} cannot be redriven: {error.message}") from error
        return run_id

    return drive(place, output, begin)
