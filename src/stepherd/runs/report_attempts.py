"""The report's account of the attempts at a run's agent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stepherd.runs.attempt_events import events_of
from stepherd.runs.spent import total, usages
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from stepherd.runs.attempts import PastAttempt
    from stepherd.runs.folder import RunFolder
    from stepherd.runs.result import Result

__all__ = ["Said", "attempts_of", "lost_work", "said_last", "used_by"]

_LONGEST_SAYING: Final = 2000


@dataclass(frozen=True, slots=True)
class Said:
    """The last that the agent said."""

    text: str | None = None
    """In the last attempt."""
    before: str | None = None
    """In the last attempt that has told of it, where that is an earlier one."""


def said_last(folder: RunFolder, past: Sequence[PastAttempt], agent: Result | None) -> Said:
    """The agent's last words; ``agent`` is the last result about its work. Those of an attempt that died are
    taken from its events."""
    told = agent.facts.get("agent") if agent is not None else None
    text = told.get("said") if isinstance(told, Mapping) else None
    said = text if isinstance(text, str) else None
    last = past[-1] if past else None
    if last is None or not last.started or last.result is not None or last.verified is not None:
        return Said(said)
    events = events_of(folder, past, [last], "message")[last.number]
    texts = [each["text"] for each in events if not each.get("thought") and isinstance(each.get("text"), str)]
    spoken = next((text for text in reversed(texts) if text.strip()), None)
    return Said(None if spoken is None else one_paragraph(spoken, _LONGEST_SAYING), said)


def attempts_of(folder: RunFolder, past: Sequence[PastAttempt]) -> list[dict[str, Any]]:
    """Each attempt: number, status, started, finished, usage, and bundle, the address of the work that it
    left, and whether what its agent did is lost. One that died has the status ``died``; one that only
    verified earlier work, ``verified``."""
    used = usages(folder, past)
    return [
        {
            "number": one.number,
            "status": _status(
                one.result is not None and one.result.status, verified=one.verified is not None
            ),
            "started": one.started,
            "finished": None if one.result is None else one.result.finished,
            "usage": dict(used.get(one.number, {})) or None,
            "bundle": None if one.bundle is None else folder.address_of(one.bundle),
            "lost": one.is_lost,
        }
        for one in past
    ]


def lost_work(attempts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Of which attempts the work is lost, in words."""
    for each in attempts:
        if each["lost"]:
            yield (
                f"The agent's work in attempt {each['number']} is lost: its task was killed, or broke "
                "down, before it was recorded."
            )


def used_by(attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The sum of their usage."""
    return total(each["usage"] for each in attempts if each["usage"])


def _status(said: str | bool, *, verified: bool) -> str:
    return str(said) if said else ("verified" if verified else "died")
