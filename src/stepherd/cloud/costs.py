"""A stack's costs, roughly: the arithmetic of docs/costs.md, for US East and without free tiers."""

from __future__ import annotations

from typing import Final

__all__ = ["HALF_AN_HOUR", "IDLE_A_MONTH", "spent"]

IDLE_A_MONTH: Final = 1.90
"""US dollars while nothing runs."""
HALF_AN_HOUR: Final = 0.052
"""US dollars for a run whose agent works for half an hour."""
_AGENT_HOUR: Final = 2 * 0.03238 + 8 * 0.00356 + 0.005
_REST_OF_A_RUN: Final = HALF_AN_HOUR - _AGENT_HOUR / 2
_HOURS_OF_A_MONTH: Final = 730


def spent(*, stack_hours: float, runs: int, run_hours: float) -> float:
    """US dollars for a stack that stood so long, with runs that took so many hours together."""
    idle = IDLE_A_MONTH * stack_hours / _HOURS_OF_A_MONTH
    return idle + _AGENT_HOUR * run_hours + _REST_OF_A_RUN * runs
