"""The material of a report: the request and the results in a run folder, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from stepherd.errors import StepherdError
from stepherd.runs.attempts import past_attempts, read_agent
from stepherd.runs.proof import without_foreign_push
from stepherd.runs.report_attempts import Said, attempts_of, said_last
from stepherd.runs.steps import STEPS

if TYPE_CHECKING:
    from stepherd.runs.attempts import PastAttempt
    from stepherd.runs.folder import RunFolder
    from stepherd.runs.request import Request
    from stepherd.runs.result import Result

__all__ = ["Findings", "read_findings"]

_AGENT: Final = "agent"


@dataclass(frozen=True, slots=True)
class Findings:
    """The contents of a run folder, as far as they may be used."""

    request: Request | None
    results: Mapping[str, Result]
    doubts: list[str]
    """Contents that could not be used, and why, for the notes."""
    attempts: list[dict[str, Any]] = field(default_factory=list)
    """The run's attempts; see ``report_attempts``."""
    agent_step: Result | None = None
    """The last result of the agent's step itself, be it of an attempt before the one that died since."""
    said: Said = field(default_factory=Said)


def read_findings(
    folder: RunFolder, failure: Mapping[str, Any] | None, request_digest: str | None = None
) -> Findings:
    """Read them. Without a ``failure`` to report, what cannot be used raises the error that says why."""
    doubts: list[str] = []
    past = _past_of(folder, failure, doubts)
    results = _results_of(folder, past, failure, doubts)
    request = _request_of(folder, results, failure, request_digest, doubts)
    found = Findings(request, without_foreign_push(results, request), doubts)
    try:
        return replace(
            found,
            attempts=attempts_of(folder, past or ()),
            agent_step=folder.read_result(_AGENT) if _AGENT in results else None,
            said=said_last(folder, past or (), results.get(_AGENT)),
        )
    except StepherdError as error:
        _doubt(error, failure, doubts)
        return found


def _past_of(
    folder: RunFolder, failure: Mapping[str, Any] | None, doubts: list[str]
) -> Sequence[PastAttempt] | None:
    """The attempts at the agent; None where one of them makes no sense."""
    try:
        return past_attempts(folder)
    except StepherdError as error:
        _doubt(error, failure, doubts)
        return None


def _results_of(
    folder: RunFolder,
    past: Sequence[PastAttempt] | None,
    failure: Mapping[str, Any] | None,
    doubts: list[str],
) -> dict[str, Result]:
    found: dict[str, Result] = {}
    for step in STEPS:
        if step == _AGENT and past is None:
            continue
        try:
            result = read_agent(folder, past) if step == _AGENT else folder.read_result(step)
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
