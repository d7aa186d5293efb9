"""The command ``stepherd logs``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.number_options import WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.text.terminal import clean

if TYPE_CHECKING:
    from stepherd.backends.home.logs import Line
    from stepherd.backends.log_reader import LogReader

__all__ = ["command"]


@declared("logs", examples=("stepherd logs RUN --tail 500", "stepherd logs RUN --state RunAgent -f"))
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Follow the output until the run ends.")
@click.option(
    "--tail",
    type=WholeNumber(0, 100_000),
    default=100,
    show_default=True,
    help="The number of lines to show, up to 100,000.",
)
@click.option("--state", metavar="NAME", help="Show only this state, such as RunAgent.")
def command(call: Invocation, run_id: str, follow: bool, tail: int, state: str | None) -> int:
    """Show the output of a run's tasks: the last 100 lines, and with -f what follows until the run ends.

    --json prints one object; --json -f prints one object per line.
    """
    from stepherd.backends.log_reader import LogReader  # for the start-up time of --help

    reader = LogReader(call.backend, run_id, state)
    lines = reader.last(tail)
    if call.output.as_json and not follow:
        call.output.json({"run_id": run_id, "lines": [_fields(line) for line in lines]})
        return 0
    if not lines:
        call.output.note("Nothing was written yet." if reader.running else "Nothing was written.")
    _show(call, reader, lines)
    if follow:
        _show(call, reader, reader.follow())
    return 0


def _show(call: Invocation, reader: LogReader, lines: Iterable[Line]) -> None:
    for line in lines:
        if call.output.as_json:
            call.output.data(json.dumps(_fields(line), ensure_ascii=False))
        else:
            column = max(len(name) for name in reader.states)
            call.output.data(f"{line.state:<{column}}  {line.text}")


def _fields(line: Line) -> dict[str, str]:
    return {"state": line.state, "message": clean(line.text)}
