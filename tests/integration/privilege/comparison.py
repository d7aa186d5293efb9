"""Recorded calls held against grants."""

from __future__ import annotations

from collections.abc import Iterable

from tests.aws_calls import Call, needs_of
from tests.aws_grants import Need, Stack

__all__ = ["forbidden", "unused"]


def _needs(stack: Stack, calls: Iterable[Call]) -> list[Need]:
    token_of = stack.reference("LoginStateMachine")
    return [need for call in calls for need in needs_of(call, stack.account, token_of)]


def forbidden(stack: Stack, role: str, calls: Iterable[Call]) -> list[str]:
    """The needs of the calls that are not granted to the role."""
    grants = stack.grants(role)
    needs = _needs(stack, calls)
    return sorted(
        {
            f"{role}: {need.action} {need.resource} {dict(need.context)}"
            for need in needs
            if not any(grant.allows(need) for grant in grants)
        }
    )


def unused(stack: Stack, role: str, calls: Iterable[Call]) -> list[str]:
    """The grants of the role that no call needed."""
    needs = _needs(stack, calls)
    grants = stack.grants(role)
    # A secret that a parameter names is granted as a name and as an ARN, which has six characters more.
    named = {grant.resource.removesuffix("-??????") for grant in grants if grant.resource.endswith("-??????")}
    return [
        f"{role}: {grant}"
        for grant in grants
        if grant.resource not in named and not any(grant.allows(need) for need in needs)
    ]
