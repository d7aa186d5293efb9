"""The command ``stepherd logs``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.number_options import Age, WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.text.moments import iso_text
from stepherd.text.terminal import clean

if TYPE_CHECKING:
    from stepherd.backends.home.logs import Line
    from stepherd.backends.log_reader import LogReader

__all__ = ["command"]

_TAIL = 100
_MOST = 100_000


@declared(
    "logs",
    examples=(
        "stepherd logs RUN --tail 500",
        "stepherd logs RUN --state RunAgent -f",
        "stepherd logs RUN --since 10m --timestamps",
    ),
)
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Follow the output until the run ends.")
@click.option(
    "--tail",
    metavar="N",
    type=WholeNumber(0, _MOST),
    help=f"The number of lines to show, up to 100,000. Default: {_TAIL}, or all with --since.",
)
@click.option("--since", metavar="AGE", type=Age(), help="Only lines written within it, such as 10m.")
@click.option("--timestamps", is_flag=True, help="Show when each line was written, in UTC.")
@click.option("--state", metavar="NAME", help="Show only this state, such as RunAgent.")
def command(
    call: Invocation,
    run_id: str,
    follow: bool,
    tail: int | None,
    since: int | None,
    timestamps: bool,
    state: str | None,
) -> int:
    """Show the output of a run's tasks: the last 100 lines, and with -f what follows until the run ends.

    --json prints one object; --json -f prints one object per line. On this machine, what a step says itself
    has the time of its state, because nothing else is known of it.
    """
    from stepherd.backends.log_reader import LogReader  # for the start-up time of --help

    reader = LogReader(call.backend, run_id, state, timed=timestamps or since is not None)
    lines = reader.last(tail if tail is not None else _TAIL if since is None else _MOST)
    if since is not None:
        earliest = iso_text(datetime.now(UTC) - timedelta(seconds=since))
        lines = [line for line in lines if line.at >= earliest]
    if call.output.as_json and not follow:
        call.output.json({"run_id": run_id, "lines": [_fields(line, timestamps) for line in lines]})
        return 0
    if not lines:
        when = "" if since is None else " within this time"
        call.output.note(
            f"Nothing was written yet{when}." if reader.running else f"Nothing was written{when}."
        )
    _show(call, reader, lines, timestamps)
    if follow:
        _show(call, reader, reader.follow(), timestamps)
    return 0


def _show(call: Invocation, reader: LogReader, lines: Iterable[Line], timestamps: bool) -> None:
    for line in lines:
        if call.output.as_json:
            call.output.data(json.dumps(_fields(line, timestamps), ensure_ascii=False))
        else:
            column = max(len(name) for name in reader.states)
            at = f"{line.at:<24}  " if timestamps else ""
            call.output.data(f"{at}{line.state:<{column}}  {line.text}")


def _fields(line: Line, timestamps: bool) -> dict[str, str]:
    fields = {"state": line.state, "message": clean(line.text)}
    return {"at": line.at, **fields} if timestamps else fields
