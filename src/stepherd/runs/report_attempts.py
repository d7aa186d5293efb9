"""What the report says of the attempts at a run's agent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stepherd.runs.attempts import past_attempts
from stepherd.runs.spent import total, usages

if TYPE_CHECKING:
    from stepherd.runs.folder import RunFolder

__all__ = ["attempts_of", "lost_work", "used_by"]


def attempts_of(folder: RunFolder) -> list[dict[str, Any]]:
    """Each attempt: number, status, started, finished, usage, and bundle, the address of the work that it
    left, and whether what its agent did is lost. One that died has the status ``died``; one that only
    verified earlier work, ``verified``."""
    past = past_attempts(folder)
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
                f"What the agent did in attempt {each['number']} is lost: its task was killed, or broke "
                "down, before it was recorded."
            )


def used_by(attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What they used together."""
    return total(each["usage"] for each in attempts if each["usage"])


def _status(said: str | bool, *, verified: bool) -> str:
    return str(said) if said else ("verified" if verified else "died")
