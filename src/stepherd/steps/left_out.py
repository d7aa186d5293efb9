"""Findings in an agent's work that are not pushed, as the facts of the agent's step list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from stepherd.repositories.allow import parse_allow
from stepherd.repositories.parting import may_be_allowed
from stepherd.repositories.scan import ChangesBlocked, Finding
from stepherd.runs.request import Request

__all__ = ["blocks", "facts_of_left_out", "is_allowed_now", "left_out_error", "left_out_of"]

_MOST: Final = 500
_HARMLESS: Final = frozenset({"environment"})
"""Kinds of findings that no one misses in the work: they are named, and the run succeeds without them."""


def facts_of_left_out(findings: Sequence[Finding]) -> dict[str, Any]:
    """left_out: path, line (None for the whole), what and detail of each; and how many there are in all.

    Of too many, those of the run's secrets come first: whoever lets a folder through later must know them.
    """
    if not findings:
        return {}
    if len(findings) > _MOST:
        findings = sorted(findings, key=lambda each: each.what != "own secret")
    return {"left_out": [asdict(each) for each in findings[:_MOST]], "left_out_total": len(findings)}


def left_out_of(facts: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The findings in those facts, also in those of an earlier version, which pushed nothing of such work
    (``blocked``)."""
    return tuple(Finding(**each) for each in facts.get("left_out") or facts.get("blocked") or ())


def blocks(findings: Sequence[Finding]) -> list[Finding]:
    """Those without which the work is not whole."""
    harmless = tuple(f"{each.path}/" for each in findings if each.what in _HARMLESS)
    return [each for each in findings if not f"{each.path}/".startswith(harmless)]


def left_out_error(facts: Mapping[str, Any], request: Request) -> ChangesBlocked | None:
    """The run's error because of them; None where the work is whole, or nothing is to be pushed anyway."""
    missing = blocks(left_out_of(facts))
    if not missing or request.push == "none":
        return None
    return ChangesBlocked(missing, all_of_it=bool(facts.get("nothing_to_push")))


def is_allowed_now(facts: Mapping[str, Any], request: Request) -> bool:
    """Whether the request lets something through that was left out."""
    allow = parse_allow(request.allow)
    return any(may_be_allowed(each, allow) for each in left_out_of(facts))
