"""``stepherd status``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from stepherd.cli.options import home_option, home_path, json_option, run_argument
from stepherd.cli.output import Output, seconds_text

__all__ = ["command"]


@click.command("status", short_help="Show a run: its states, its branch, its error.")
@run_argument
@json_option
@home_option
def command(home: Path | None, as_json: bool, run_id: str) -> int:
    """Show a run: its states, its branch, its error. The exit code is 0 however the run ended."""
    from stepherd.cli.drive import snapshot
    from stepherd.cli.engines import reading
    from stepherd.cli.outcome import show_outcome
    from stepherd.cli.sources import CallSource

    output, place = Output(as_json=as_json), home_path(home)
    with reading(place) as call:
        fields = asyncio.run(snapshot(CallSource(call), place, run_id))
    if as_json:
        output.json(fields)
        return 0
    for state in fields["states"]:
        tries = f"  {state['attempts']} tries" if state["attempts"] > 1 else ""
        output.data(f"{state['name']:<24} {state['status']:<10} {seconds_text(state['seconds']):>9}{tries}")
    show_outcome(output, place, fields)
    return 0
