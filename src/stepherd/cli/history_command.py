"""``stepherd history``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stepherd.cli.client import execution_arn
from stepherd.cli.engines import reading
from stepherd.cli.options import home_option, home_path, json_option, run_argument
from stepherd.cli.output import Output

__all__ = ["command"]


@click.command("history", short_help="Print a run's execution history as JSON.")
@run_argument
@json_option
@home_option
def command(home: Path | None, as_json: bool, run_id: str) -> int:  # noqa: ARG001 - it is JSON in any case
    """Print a run's whole history in the shape of GetExecutionHistory."""
    events: list[Any] = []
    request: dict[str, Any] = {"executionArn": execution_arn(run_id), "maxResults": 1000}
    with reading(home_path(home)) as call:
        while True:
            answer = call("GetExecutionHistory", request)
            events += answer["events"]
            if "nextToken" not in answer:
                break
            request["nextToken"] = answer["nextToken"]
    Output().json({"events": events})
    return 0
