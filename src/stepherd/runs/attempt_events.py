"""The events of attempts that died before they could say how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stepherd.events.vocabulary import EVENTS
from stepherd.services.json_text import read_json
from stepherd.services.store.contract import ObjectNotFound

if TYPE_CHECKING:
    from stepherd.runs.attempts import PastAttempt
    from stepherd.runs.folder import RunFolder

__all__ = ["events_of"]

_NEVER: Final = "9"
"""Later than every time of ours."""


def events_of(
    folder: RunFolder, past: Sequence[PastAttempt], died: Sequence[PastAttempt], kind: str
) -> dict[int, list[Mapping[str, Any]]]:
    """The events of one ``kind`` of each attempt of ``died``, by its number: those between its beginning and
    that of the next."""
    if not died:
        return {}
    starts = sorted(one.started for one in past if one.started)
    ends = dict(zip(starts, [*starts[1:], _NEVER], strict=True))
    events = list(_events(folder, kind))
    return {
        one.number: [each for at, each in events if one.started <= at < ends[one.started]] for one in died
    }


def _events(folder: RunFolder, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        body = folder.store.get(EVENTS).body
    except ObjectNotFound:
        return
    for line in body.splitlines():
        try:
            event = read_json(line)
        except ValueError:
            continue  # Somebody else wrote it.
        if isinstance(event, dict) and event.get("type") == kind and isinstance(event.get("at"), str):
            yield event["at"], event
