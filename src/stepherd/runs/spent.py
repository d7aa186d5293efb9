"""The usage of a run over all attempts at its agent: its limits count this sum, and its report shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stepherd.runs.attempt_events import events_of

if TYPE_CHECKING:
    from stepherd.runs.attempts import PastAttempt
    from stepherd.runs.folder import RunFolder

__all__ = ["spent", "total", "usages"]

_COUNTED: Final = (
    *("turns", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("cost_usd", "credits"),
)


def spent(folder: RunFolder, past: Sequence[PastAttempt]) -> dict[str, Any]:
    """The usage of all of ``past`` together: turns, tokens, cost_usd, credits, as far as agents say so."""
    return total(usages(folder, past).values())


def usages(folder: RunFolder, past: Sequence[PastAttempt]) -> dict[int, Mapping[str, Any]]:
    """The usage of each attempt, by its number. Of one that died, as far as its agent had reported it."""
    found: dict[int, Mapping[str, Any]] = {}
    for one in past:
        if one.result is not None:
            found[one.number] = _said(one.result.facts)
    died = [one for one in past if one.result is None and one.started]
    for number, told in events_of(folder, past, died, "usage").items():
        # Each tells of all until then, and some of them leave out what has not changed.
        found[number] = {name: value for each in told for name, value in each.items()}
    return found


def total(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sum, of each number that any of them has."""
    given = list(parts)
    sums: dict[str, Any] = {}
    for name in _COUNTED:
        values = [part[name] for part in given if _is_number(part.get(name))]
        if values:
            sums[name] = sum(values)
    return sums


def _said(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    agent = facts.get("agent")
    usage = agent.get("usage") if isinstance(agent, Mapping) else None
    return usage if isinstance(usage, Mapping) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
