"""The rest of a run's limits for an attempt: earlier attempts have used some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepherd.agents.contract import AgentFailed
from stepherd.remedies import RUN, Remedy

if TYPE_CHECKING:
    from stepherd.runs.request import Request

__all__ = ["Budget", "budget_of"]


@dataclass(frozen=True, slots=True)
class Budget:
    """The rest for one attempt; None where there is no limit."""

    turns: int | None
    cost_usd: float | None


def budget_of(request: Request, used: Mapping[str, Any]) -> Budget:
    """The rest of the request's limits after ``used``. Raises AgentFailed when that is nothing: the agent
    is not started then. The time limit is that of each attempt."""
    turns, cost = request.max_turns, request.max_cost_usd
    if turns is not None:
        left = turns - int(used.get("turns", 0))
        if left <= 0:
            raise _used_up(f"{turns:,} turns", "--max-turns")
        turns = left
    if cost is not None:
        rest = cost - float(used.get("cost_usd", 0.0))
        if rest <= 0:
            raise _used_up(f"{cost:.4g} US dollars", "--max-cost")
        cost = rest
    return Budget(turns, cost)


def _used_up(what: str, flag: str) -> AgentFailed:
    return AgentFailed(
        f"The run has used up its limit of {what} in its attempts so far: the agent was not started again.",
        remedy=Remedy("Raise the limit: ", ("redrive", RUN, flag, "MORE")),
    )
