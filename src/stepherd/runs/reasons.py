"""Whose words say why a state failed: those of its step, if they are of that very attempt, or the machine's.

A result stays in the run folder when a redrive tries its step again. Until the new attempt has written its
own, the old one says how things were before, and never why the run has failed now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stepherd.runs.causes import attempt_of, described, failure_of, unwrapped
from stepherd.runs.result import Failure, Result
from stepherd.runs.steps import STEPS, step_of_state
from stepherd.text.plain import one_paragraph

__all__ = ["is_old", "reason_of", "state_of", "step_of", "tells_of"]

_PREPARE: Final = "prepare"
_NO_TASK: Final = ("States.", "ECS.", "AmazonECS.", "Lambda.", "StepFunctions.")
"""Errors by which the machine or a service says that it, and not a step, has ended the state."""


def step_of(failure: Mapping[str, Any]) -> str:
    """The step of the state that failed; empty where it has none."""
    return step_of_state(str(failure.get("state"))) or ""


def state_of(step: str, failure: Mapping[str, Any] | None) -> str:
    """The state in which a step did its work: after a failure of the agent it is not that of a success."""
    facts = STEPS[step]
    after_agent = failure is not None and step_of(failure) == "agent"
    return facts.other_states[0] if after_agent and facts.other_states else facts.state


def reason_of(failure: Mapping[str, Any], result: Result | None) -> Failure:
    """Why the state of ``failure`` failed; ``result`` is what its step said last, if it ever has."""
    if result is not None and result.error is not None and tells_of(result, failure):
        return result.error
    return failure_of(*_error_and_cause(failure))


def tells_of(result: Result, failure: Mapping[str, Any]) -> bool:
    """Whether a step's result is of the attempt that ended with ``failure``.

    A task's description has the attempt's name. Where it has none, the redrive has to do.
    """
    error, cause = _error_and_cause(failure)
    name, text = unwrapped(error, cause)
    fields = described(text)
    if (attempt := attempt_of(fields)) is not None:
        return result.attempt == attempt
    if "errorMessage" in fields:
        return _says(str(fields["errorMessage"]), result)
    if "Containers" not in fields and name != "States.TaskFailed" and name.startswith(_NO_TASK):
        return False
    return not is_old(result, failure)


def is_old(result: Result, failure: Mapping[str, Any] | None) -> bool:
    """Whether a result is known to be of an earlier redrive than the one that ``failure`` ended."""
    redrives = None if failure is None else failure.get("redrives")
    own = _redrive_of(result.attempt)
    return own is not None and redrives is not None and own != str(redrives)


def _says(message: str, result: Result) -> bool:
    """Whether a function has ended with the very error that it wrote: the result of PrepareRun has no
    attempt, and of no other step a function runs."""
    if result.step != _PREPARE or result.error is None:
        return False
    return one_paragraph(message, 4000).startswith(result.error.message.rstrip(".… "))


def _redrive_of(attempt: str) -> str | None:
    """Of ``2.0``, ``2.0.1`` and ``kept.2.0.0``: 2. None where an attempt does not say it."""
    number = attempt.removeprefix("kept.").partition(".")[0]
    return number if number.isdecimal() else None


def _error_and_cause(failure: Mapping[str, Any]) -> tuple[str, str]:
    return str(failure.get("error") or ""), str(failure.get("cause") or "")
