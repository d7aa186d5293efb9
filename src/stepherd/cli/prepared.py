"""What a run's own execution knows of its run folder, which others may have written to since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stepherd.errors import NotFoundError
from stepherd.services.json_text import read_json

if TYPE_CHECKING:
    from stepherd.cli.place import Place

__all__ = ["request_digest"]

_FIRST_EVENTS = 1000
"""The longest page of a history. PrepareRun comes first, so its answer is among them."""


def request_digest(place: Place, run_id: str) -> str | None:
    """The digest of request.json in PrepareRun's answer.

    None for a run that an earlier version prepared, and for one that the place no longer knows.
    """
    request = {"executionArn": place.execution_arn(run_id), "maxResults": _FIRST_EVENTS}
    with place.reading() as call:
        try:
            events = call("GetExecutionHistory", request)["events"]
        except NotFoundError:
            return None
    return next(_digests(events), None)


def _digests(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for event in events:
        output = event.get("taskSucceededEventDetails", {}).get("output")
        answer = read_json(output) if output else None
        payload = answer.get("Payload") if isinstance(answer, dict) else None
        if isinstance(payload, dict) and "request_digest" in payload:
            yield str(payload["request_digest"])
