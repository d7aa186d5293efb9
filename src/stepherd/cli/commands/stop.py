"""The command ``stepherd stop``."""

from __future__ import annotations

import click

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.client.run_text import status_text

__all__ = ["command"]


@declared("stop", examples=("stepherd stop RUN", "stepherd stop RUN --reason 'wrong instructions'"))
@run_argument
@click.option("--reason", metavar="TEXT", default="stopped by 'stepherd stop'", help="Stored with the run.")
def command(call: Invocation, run_id: str, reason: str) -> int:
    """Stop a run and everything it started, and keep its work.

    Its tasks get SIGTERM and, after the stop timeout, SIGKILL. The agent's work until then is pushed to the
    run's branch as partial work, and the report is written.
    """
    stopped = call.client.stop(run_id, reason=reason, tell=call.output.note)
    if call.output.as_json:
        from stepherd.cli.follow.outcome import looked_up  # for the start-up time of --help

        _, fields = looked_up(call, run_id)
        keeping = None if stopped.kept is None else stopped.kept.to_json()
        call.output.json({**fields, "keeping": keeping})
        return 0
    if stopped.before != "RUNNING":
        call.output.note(f"{run_id} had already ended: {status_text(stopped.before)}.")
    if stopped.remark:
        call.output.note(call.advice(stopped.remark))
    if stopped.before == "RUNNING":
        call.output.note(f"  next     {call.command('redrive', run_id)}")
    return 0
