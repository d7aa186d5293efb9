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
    "apply": ("stepherd.agents.apply_agent", "ApplyAgent"),
    "claude": ("stepherd.agents.claude", "ClaudeAgent"),
    "codex": ("stepherd.agents.codex", "CodexAgent"),
    "command": ("stepherd.agents.command", "CommandAgent"),
    "kiro": ("stepherd.agents.kiro", "KiroAgent"),
    "opencode": ("stepherd.agents.opencode", "OpencodeAgent"),
    "q": ("stepherd.agents.q", "QAgent"),
}


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
    module, attribute = _AGENTS[name]
    return cast("Agent", getattr(import_module(module), attribute)())
