"""The command ``stepherd watch``."""

from __future__ import annotations

from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.cli.options import run_argument

__all__ = ["command"]


@declared(
    "watch", examples=("stepherd watch RUN", "stepherd watch RUN && echo it has succeeded"), names_run=True
)
@run_argument
def command(call: Invocation, run_id: str) -> int:
    """Follow a run until it ends; the exit code is the run's. Ctrl-C only stops watching."""
    from stepherd.cli.follow.watching import watch  # for the start-up time of --help

    return watch(call, run_id)
