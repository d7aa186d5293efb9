"""A step's output made fit to be kept: without secrets, as a result."""

from __future__ import annotations

from typing import Final

from stepherd.remedies import changed
from stepherd.runs.result import Failure, Result, Status
from stepherd.services.redaction import Redactor
from stepherd.steps.contract import Done, StepContext
from stepherd.steps.termination import Interrupted
from stepherd.text.moments import now

__all__ = ["masked", "result_of", "status_of"]

_FOR_LATER_STEPS: Final = ("base_commit", "base_ref")
"""Facts that the push needs as they are: the name of a branch may read like a secret."""


def masked(done: Done, redactor: Redactor) -> Done:
    """Without secrets, whichever step it is, and whatever it was told by an agent, a server or git."""
    if done.error is not None:
        done.error.message = redactor.mask(done.error.message)
        done.error.remedy = changed(done.error.remedy, redactor.mask)
        done.error.details = redactor.mask(done.error.details)
    as_they_are = {name: done.facts[name] for name in _FOR_LATER_STEPS if name in done.facts}
    return Done({**redactor.mask_all(done.facts), **as_they_are}, done.error)


def status_of(done: Done) -> Status:
    """The status that a step ended with."""
    if done.error is None:
        return "succeeded"
    return "interrupted" if done.error.category == Interrupted.category else "failed"


def result_of(step: StepContext, name: str, started: str, done: Done) -> Result:
    """The result of a part of a step, or of a step whose last word is still to come."""
    kept = masked(done, step.redactor)
    failure = None if kept.error is None else Failure.of(kept.error)
    return Result(name, step.attempt, step.runs, status_of(kept), started, now(), failure, kept.facts)
