"""Facts about a run folder as the run's execution has them: others may have written to the folder since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stepherd.errors import NotFoundError
from stepherd.services.json_text import read_json

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend
    from stepherd.backends.client import Call

__all__ = ["request_digest"]

_PAGE = 1000
"""The longest page of a history."""


def request_digest(backend: Backend, run_id: str) -> str | None:
    """The digest of the run's request, as the last of its functions said it: a redrive may have amended it.

    None for a run that an earlier version prepared, and for one that the backend no longer knows.
    """
    with backend.reading() as call:
        try:
            return next(_digests(_events(call, backend.execution_arn(run_id))), None)
        except NotFoundError:
            return None


def _events(call: Call, arn: str) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {"executionArn": arn, "reverseOrder": True, "maxResults": _PAGE}
    while True:
        answer = call("GetExecutionHistory", request)
        yield from answer["events"]
        if not answer.get("nextToken"):
            return
        request["nextToken"] = answer["nextToken"]


def _digests(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for event in events:
        output = event.get("taskSucceededEventDetails", {}).get("output")
        answer = read_json(output) if output else None
        payload = answer.get("Payload") if isinstance(answer, dict) else None
        known = payload.get("run", payload) if isinstance(payload, dict) else None
        if isinstance(known, dict) and known.get("request_digest"):
            yield str(known["request_digest"])
