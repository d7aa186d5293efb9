"""What a run has used over all attempts at its agent: the sum that its limits count and its report shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stepherd.events.vocabulary import EVENTS
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound

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
    """What each attempt used, by its number. Of one that died, what its agent had reported until then."""
    found: dict[int, Mapping[str, Any]] = {}
    for one in past:
        if one.result is not None:
            found[one.number] = _said(one.result.facts)
    died = [one for one in past if one.result is None and one.started]
    if died:
        found |= _of_events(folder, past, died)
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


def _of_events(
    folder: RunFolder, past: Sequence[PastAttempt], died: Sequence[PastAttempt]
) -> dict[int, Mapping[str, Any]]:
    """By their times: the last usage between the beginning of an attempt and that of the next."""
    starts = sorted(one.started for one in past if one.started)
    ends = dict(zip(starts, [*starts[1:], "9"], strict=True))
    events = list(_usage_events(folder))
    found: dict[int, Mapping[str, Any]] = {}
    for one in died:
        within = [each for at, each in events if one.started <= at < ends[one.started]]
        # Each tells of all until then, and some of them leave out what has not changed.
        found[one.number] = {name: value for each in within for name, value in each.items()}
    return found


def _usage_events(folder: RunFolder) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        body = folder.store.get(EVENTS).body
    except ObjectNotFound:
        return
    for line in body.splitlines():
        try:
            event = read_json(line)
        except ValueError:
            continue  # Somebody else wrote it.
        if isinstance(event, dict) and event.get("type") == "usage" and isinstance(event.get("at"), str):
            yield event["at"], event


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
