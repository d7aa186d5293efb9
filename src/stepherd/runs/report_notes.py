"""The notes of a report that come from steps: what a reader would wonder about, and what else went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.remedies import joined, of_run
from stepherd.runs.reasons import is_old, state_of, step_of, tells_of
from stepherd.runs.steps import STEPS

if TYPE_CHECKING:
    from stepherd.runs.findings import Findings
    from stepherd.runs.result import Result

__all__ = ["notes_of_steps"]

_AGENT: Final = "agent"


def notes_of_steps(found: Findings, run_id: str, failure: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield the notes of steps; those of an attempt before the one that ended the run say so."""
    failed = step_of(failure) if failure else ""
    for result in found.results.values():
        if "note" in result.facts:
            yield _when(result, failed, failure) + str(result.facts["note"])
    for step, result in found.results.items():
        if step != failed and result.error is not None:
            words = joined(
                f"{state_of(step, failure)}: {result.error.message}", of_run(result.error.advice, run_id)
            )
            yield _when(result, failed, failure) + words
    yield from _failed_before(found, failed, failure)
    if found.said.before:
        yield f"Before that, the agent had said: {found.said.before}"


def _failed_before(found: Findings, failed: str, failure: Mapping[str, Any] | None) -> Iterator[str]:
    """How an earlier attempt at the state had failed whose last attempt has left no result."""
    result = found.agent_step if failed in ("", _AGENT) else found.results.get(failed)
    if failure is None or result is None or result.error is None:
        return
    last = found.results.get(result.step)
    if tells_of(result, failure) if failed else last is None or last.error is not None:
        return
    yield f"Before that, {STEPS[result.step].state} had failed: {result.error.message}"


def _when(result: Result, failed: str, failure: Mapping[str, Any] | None) -> str:
    if failure is None:
        return ""
    of_failed = result.step == failed and not tells_of(result, failure)
    return "Before that: " if of_failed or (not result.succeeded and is_old(result, failure)) else ""
