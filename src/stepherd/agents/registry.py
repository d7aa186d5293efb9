"""Agents by name. Each is imported when it is asked for, so one agent's imports burden no other run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from stepherd.errors import UsageError
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent

__all__ = ["agent_names", "get_agent"]

_AGENTS: Final = {
    "apply": "stepherd.agents.apply_agent",
    "claude": "stepherd.agents.claude",
    "codex": "stepherd.agents.codex",
    "command": "stepherd.agents.command",
    "kiro": "stepherd.agents.kiro",
    "opencode": "stepherd.agents.opencode",
    "q": "stepherd.agents.q",
}
"""The module of each, whose ``AGENT`` is the agent's class; the rest is said there."""


def agent_names() -> tuple[str, ...]:
    """The names that ``get_agent`` knows, sorted."""
    return tuple(sorted(_AGENTS))


def get_agent(name: str) -> Agent:
    """The agent of that name. Raises UsageError listing the known ones."""
    if name not in _AGENTS:
        raise UsageError(
            f"There is no agent '{one_paragraph(name, 60)}'.",
            remedy=f"The agents are {', '.join(agent_names())}.",
        )
    return cast("Agent", import_module(_AGENTS[name]).AGENT())
