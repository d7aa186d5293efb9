"""What a report is made of: the request and the results in a run folder, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stepherd.errors import StepherdError
from stepherd.runs.attempts import read_agent
from stepherd.runs.proof import without_foreign_push
from stepherd.runs.report_attempts import attempts_of
from stepherd.runs.steps import STEPS

if TYPE_CHECKING:
    from stepherd.runs.folder import RunFolder
    from stepherd.runs.request import Request
    from stepherd.runs.result import Result

__all__ = ["Findings", "read_findings"]


@dataclass(frozen=True, slots=True)
class Findings:
    """What lies in a run folder and may be used."""

    request: Request | None
    results: Mapping[str, Result]
    doubts: list[str]
    """What could not be used, for the notes."""
    attempts: list[dict[str, Any]] = field(default_factory=list)
    """See ``report_attempts``."""


def read_findings(
    folder: RunFolder, failure: Mapping[str, Any] | None, request_digest: str | None = None
) -> Findings:
    """Read them. Without a ``failure`` to report, what cannot be used raises the error that says why."""
    doubts: list[str] = []
    results = _results_of(folder, failure, doubts)
    request = _request_of(folder, results, failure, request_digest, doubts)
    return Findings(
        request, without_foreign_push(results, request), doubts, _attempts(folder, failure, doubts)
    )


def _attempts(
    folder: RunFolder, failure: Mapping[str, Any] | None, doubts: list[str]
) -> list[dict[str, Any]]:
    try:
        return attempts_of(folder)
    except StepherdError as error:
        if error.message not in doubts:
            _doubt(error, failure, doubts)
        return []


def _results_of(folder: RunFolder, failure: Mapping[str, Any] | None, doubts: list[str]) -> dict[str, Result]:
    found: dict[str, Result] = {}
    for step in STEPS:
        try:
            result = read_agent(folder) if step == "agent" else folder.read_result(step)
        except StepherdError as error:
            _doubt(error, failure, doubts)
        else:
            found |= {} if result is None else {step: result}
    return found


def _request_of(
    folder: RunFolder,
    results: Mapping[str, Result],
    failure: Mapping[str, Any] | None,
    digest: str | None,
    doubts: list[str],
) -> Request | None:
    if digest is None and not ("prepare" in results and results["prepare"].succeeded):
        return None
    try:
        return folder.read_request(digest)
    except StepherdError as error:
        _doubt(error, failure, doubts)
        return None


def _doubt(error: StepherdError, failure: Mapping[str, Any] | None, doubts: list[str]) -> None:
    """A run that has failed gets its report all the same, with ``error`` as a note; a success does not."""
    if failure is None or error.retryable:
        raise error
    doubts.append(error.message)
