"""``stepherd logs``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from stepherd.backends.client import Call
from stepherd.backends.home.logs import Line
from stepherd.backends.sources import events_after
from stepherd.cli.number_options import WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.output import Output
from stepherd.errors import UsageError
from stepherd.text.terminal import clean

if TYPE_CHECKING:
    from stepherd.backends.backend import TaskLines

__all__ = ["command"]


@declared("logs", examples=("stepherd logs RUN --tail 500", "stepherd logs RUN --state RunAgent -f"))
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@click.option(
    "--tail",
    type=WholeNumber(0, 100_000),
    default=100,
    show_default=True,
    help="How many of the last lines, up to 100,000.",
)
@click.option("--state", metavar="NAME", help="Only this state, as in RunAgent.")
def command(output: Output, run_id: str, follow: bool, tail: int, state: str | None) -> int:
    """Show what a run's tasks wrote: the last 100 lines, and with -f what follows until the run ends.

    With --json it is one object; with --json -f it is one object a line.
    """
    logs, arn = output.place.task_lines(run_id, state), output.place.execution_arn(run_id)
    with output.place.reading() as call:
        running = _learn(call, arn, logs)
    if state and state not in logs.states and not running:
        raise UsageError(
            f"{run_id} has no logs of a state '{state}'.",
            remedy=f"There are {', '.join(logs.states) or 'none'}.",
        )
    lines = logs.last(tail, final=not running)
    if output.as_json and not follow:
        output.json({"run_id": run_id, "lines": [_fields(line) for line in lines]})
        return 0
    if not lines:
        output.note("Nothing was written yet." if running else "Nothing was written.")
    _show(output, logs, lines)
    if follow:
        _follow(output, arn, logs, running=running)
    return 0


def _learn(call: Call, arn: str, logs: TaskLines) -> bool:
    """Take what is new in the history; whether the run still goes on."""
    described = call("DescribeExecution", {"executionArn": arn})
    logs.learn(events_after(call, arn, logs.last_event))
    return bool(described["status"] == "RUNNING")


def _follow(output: Output, arn: str, logs: TaskLines, *, running: bool) -> None:
    late = 0.0
    while running or time.monotonic() < late:
        time.sleep(logs.poll_seconds)  # Neither files nor log streams tell when they grow.
        was_running = running
        if running:
            with output.place.reading() as call:
                running = _learn(call, arn, logs)
        if was_running and not running:
            late = time.monotonic() + logs.late_seconds
        _show(output, logs, logs.new(final=not running))


def _show(output: Output, logs: TaskLines, lines: Iterable[Line]) -> None:
    column = max((len(name) for name in logs.states), default=0)
    for line in lines:
        if output.as_json:
            output.data(json.dumps(_fields(line), ensure_ascii=False))
        else:
            output.data(f"{line.state:<{column}}  {line.text}")


def _fields(line: Line) -> dict[str, str]:
    return {"state": line.state, "message": clean(line.text)}
