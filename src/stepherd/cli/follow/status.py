"""A run's states, branch and error, as ``stepherd status`` shows them."""

from __future__ import annotations

import asyncio
import time

from stepherd.cli.follow.outcome import looked_up
from stepherd.cli.follow.views import picture
from stepherd.cli.follow.watching import SOON_SECONDS
from stepherd.cli.invocation import Invocation
from stepherd.client.outcome_text import HANG, outcome_lines

__all__ = ["show_status"]


def show_status(call: Invocation, run_id: str) -> int:
    """Show the state of a run now; return exit code 0, however it ended. Raises NotFoundError."""
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
