"""``stepherd status``."""

from __future__ import annotations

import asyncio
import time

from stepherd.backends.sources import learn
from stepherd.cli.commands.watch import SOON_SECONDS
from stepherd.cli.follow.outcome import describe
from stepherd.cli.follow.outcome_text import outcome_lines
from stepherd.cli.follow.views import picture
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument
from stepherd.cli.output import Output
from stepherd.history.progress import Progress

__all__ = ["command"]


@declared("status", examples=("stepherd status RUN", "stepherd status RUN --json | jq -r .branch"))
@run_argument
def command(output: Output, run_id: str) -> int:
    """Show a run: its states, its branch, its error. The exit code is 0 however the run ended."""
    progress = Progress()
    with output.place.reading() as call:
        learn(call, output.place.execution_arn(run_id), progress)
        fields = describe(output, call, run_id, progress)
    if output.as_json:
        output.json(fields)
        return 0
    abandoned = fields["status"] == "RUNNING" and asyncio.run(output.place.find(SOON_SECONDS)) is None
    where = output.place.where
    output.data(f"Run {run_id}{f' in {where}' if where else ''}", bold=True)
    for line in picture(progress, time.time(), (1000, 1000), ""):
        output.data("".join(text for text, _ in line))
    for text, how in outcome_lines(output, fields):
        output.data(text, **how)
    if abandoned:
        output.note(f"No engine runs, so it stands still. Go on with it: {output.command('resume', run_id)}")
    return 0
