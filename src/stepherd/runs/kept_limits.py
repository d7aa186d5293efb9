"""Limits and a model that a request sets: what its agent would ignore is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.agents.registry import agent_names, get_agent
from stepherd.runs.request import InvalidRequest

if TYPE_CHECKING:
    from stepherd.agents.contract import Agent, Kept

__all__ = ["check_kept_limits"]

_WORDS: Final[Mapping[Kept, tuple[str, str]]] = {
    "model": ("takes no model", "--model"),
    "max_turns": ("does not report its turns, so a limit of turns cannot be enforced", "--max-turns"),
    "verify_rounds": ("only does what its instructions say and cannot fix anything", "--verify-rounds"),
    "max_cost_usd": ("does not report its cost, so a limit of cost cannot be enforced", "--max-cost"),
}


def check_kept_limits(agent: Agent, fields: Mapping[str, Any]) -> None:
    """Raises InvalidRequest naming the first of ``fields`` that ``agent`` cannot keep."""
    for field, (words, flag) in _WORDS.items():
        if not fields.get(field) or field in agent.keeps:
            continue
        others = ", ".join(name for name in agent_names() if field in get_agent(name).keeps)
        instead = " and limit its time with --timeout" if field.startswith("max_") else ""
        raise InvalidRequest(
            f"The agent '{agent.name}' {words}.",
            remedy=f"Leave {flag} ({field}) out{instead}, or use an agent that supports it: {others}.",
            field=field,
        )
