"""The command ``stepherd status``."""

from __future__ import annotations

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument

__all__ = ["command"]


@declared(
    "status", examples=("stepherd status RUN", "stepherd status RUN --json | jq -r .branch"), names_run=True
)
@run_argument
def command(call: Invocation, run_id: str) -> int:
    """Show a run's states, branch and error. The exit code is 0 however the run ended."""
    from stepherd.cli.follow.status import show_status  # for the start-up time of --help

    return show_status(call, run_id)
