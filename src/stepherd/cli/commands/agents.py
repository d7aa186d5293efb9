"""``stepherd agents``."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from stepherd.cli.options import command as declared
from stepherd.cli.output import Output

if TYPE_CHECKING:
    from stepherd.agents.inventory import AgentState
    from stepherd.services.store.contract import Store

__all__ = ["command"]

_HEAD = ("AGENT", "VERSION", "LOGIN")


@declared(
    "agents",
    examples=("stepherd agents", "stepherd agents --json | jq '.agents[] | select(.ready)'"),
    contexts=False,
)
def command(output: Output) -> int:
    """List the agents: what is installed, what they log in with, what is missing."""
    from stepherd.agents.inventory import take_inventory

    states = take_inventory(_store(output), os.environ)
    if output.as_json:
        output.json({"agents": [{**asdict(state), "ready": state.ready} for state in states]})
        return 0
    rows = [_HEAD, *((state.name, _version(state), state.access) for state in states)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for row, state in zip(rows, [None, *states], strict=True):
        colour = None if state is None else "green" if state.ready else "yellow"
        output.data(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip(), fg=colour)
    for state in states:
        for missing in state.missing:
            output.note(f"{state.name} lacks {missing.what}: {missing.command}")
    return 0


def _store(output: Output) -> Store | None:
    """The home's own store, when there is one already: looking makes nothing."""
    from stepherd.services import open_store

    folder = output.home / "store"
    return open_store(str(folder)) if folder.is_dir() else None


def _version(state: AgentState) -> str:
    if state.version is not None:
        return state.version
    if not state.installed:
        return "not installed"
    return "built in" if state.built_in else "?"
