"""CloudFormation's words for the states of a stack, and what can be done in them."""

from __future__ import annotations

from typing import Final

__all__ = ["EMPTY", "FAILED_CREATION", "under_way"]

EMPTY: Final = "REVIEW_IN_PROGRESS"
"""A change set has been made, and nothing else: there is nothing to wait for."""
FAILED_CREATION: Final = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
"""In these a stack can only be deleted."""


def under_way(status: str) -> bool:
    """Whether CloudFormation is at work on a stack of this status."""
    return status.endswith("_IN_PROGRESS") and status != EMPTY
