"""The command ``stepherd agents``."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from stepherd.agents.inventory import take_inventory
from stepherd.cli.invocation import Invocation
from stepherd.cli.options import command as declared
from stepherd.services.store.opening import open_store

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
def command(call: Invocation) -> int:
    """List the agents: which are installed, how they log in, and what is missing."""
    states = take_inventory(_store(call), os.environ)
    if call.output.as_json:
        call.output.json({"agents": [{**asdict(state), "ready": state.ready} for state in states]})
        return 0
    rows = [_HEAD, *((state.name, _version(state), state.access) for state in states)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for row, state in zip(rows, [None, *states], strict=True):
        colour = None if state is None else "green" if state.ready else "yellow"
        call.output.data(
            f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip(),
            hang=sum(widths) + 4,
            fg=colour,
        )
    for state in states:
        for missing in state.missing:
            call.output.note(f"{state.name} lacks {missing.what}: {missing.command}")
    return 0


def _store(call: Invocation) -> Store | None:
    """The home's own store, when there is one already: looking makes nothing."""
    folder = call.home / "store"
    return open_store(str(folder)) if folder.is_dir() else None


def _version(state: AgentState) -> str:
    if state.version is not None:
        return state.version
    if not state.installed:
        return "not installed"
    return "built in" if state.built_in else "?"
