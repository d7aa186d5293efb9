"""The command ``stepherd status``."""

from __future__ import annotations

import asyncio
import time

from stepherd.cli.commands.watch import SOON_SECONDS
from stepherd.cli.follow.outcome import looked_up
from stepherd.cli.follow.views import picture
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.client.outcome_text import HANG, outcome_lines

__all__ = ["command"]


@declared(
    "status", examples=("stepherd status RUN", "stepherd status RUN --json | jq -r .branch"), names_run=True
)
@run_argument
def command(call: Invocation, run_id: str) -> int:
    """Show a run's states, branch and error. The exit code is 0 however the run ended."""
    progress, fields = looked_up(call, run_id)
    if call.output.as_json:
        call.output.json(fields)
        return 0
    abandoned = fields["status"] == "RUNNING" and asyncio.run(call.backend.find(SOON_SECONDS)) is None
    where = call.backend.where
    call.output.data(f"Run {run_id}{f' in {where}' if where else ''}", bold=True)
    for line in picture(progress, time.time(), (1000, 1000), ""):
        call.output.data("".join(text for text, _ in line))
    for text, how in outcome_lines(call, {**fields, "abandoned": abandoned}):
        call.output.data(text, hang=HANG, **how)
    if abandoned:
        resume = call.command("resume", run_id)
        call.output.note(f"No engine is running, so nothing happens. Continue it: {resume}")
    return 0
