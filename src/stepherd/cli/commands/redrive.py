"""The command ``stepherd redrive``."""

from __future__ import annotations

from typing import Any

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.number_options import Amount, Seconds, WholeNumber
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument

__all__ = ["command"]


@declared(
    "redrive",
    examples=("stepherd redrive RUN", "stepherd redrive RUN --timeout 7200 --max-cost 5"),
    names_run=True,
)
@run_argument
@click.option("--timeout", "timeout_seconds", metavar="TIME", type=Seconds(), help="A new time limit.")
@click.option("--max-turns", metavar="N", type=WholeNumber(), help="A new limit of turns, over all attempts.")
@click.option(
    "--max-cost",
    "max_cost_usd",
    metavar="USD",
    type=Amount(),
    help="A new limit of cost, over all attempts.",
)
@click.option("--branch", metavar="NAME", help="A new branch to push to.")
@click.option(
    "--allow",
    metavar="PATH",
    multiple=True,
    help="Push this path in spite of the scan's findings. Repeatable.",
)
def command(call: Invocation, run_id: str, **given: Any) -> int:
    """Run again what a failed, stopped or timed out run left undone, and follow it to its end.

    States that succeeded do not run again, so an agent's work is never paid for twice. The options apply
    from here on. If a redrive cannot apply them, a new run, RUN.2, continues this one with its work.
    """
    given["allow"] = ",".join(given["allow"]) or None
    from stepherd.cli.follow.redriving import redrive  # for the start-up time of --help

    return redrive(call, run_id, {name: value for name, value in given.items() if value is not None})
