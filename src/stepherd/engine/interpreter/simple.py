"""Pass, Succeed, Fail, Choice and Wait."""

from __future__ import annotations

from typing import Any

from stepherd.engine.asl.definition import ChoiceRule, ChoiceState, FailState, WaitState
from stepherd.engine.asl.expressions import EvaluationError
from stepherd.engine.asl.loading import MAX_SECONDS, parse_timestamp
from stepherd.engine.asl.templates import Template
from stepherd.engine.interpreter.failures import StateFailed
from stepherd.engine.interpreter.frame import Transition, Visit

__all__ = ["run_choice", "run_fail", "run_pass", "run_wait"]


def run_pass(visit: Visit) -> Transition:
    """Pass and Succeed: the input, or the Output."""
    return visit.finish(visit.document)


def run_fail(visit: Visit, state: FailState) -> Transition:
    """Fail: always raises StateFailed."""
    error = None if state.error is None else _string(visit, state.error)
    cause = None if state.cause is None else _string(visit, state.cause)
    raise StateFailed(error, cause, visit.entered, at=visit.at)


def _string(visit: Visit, template: Template) -> str:
    value = visit.evaluate(template)
    if not isinstance(value, str):
        raise visit.evaluation_failed(template.wrong_type("string", value))
    return value


def run_choice(visit: Visit, state: ChoiceState) -> Transition:
    """Choice: the first rule whose condition is true, else the Default."""
    bindings = visit.bindings()
    for rule in state.choices:
        if _holds(visit, rule, bindings):
            return visit.leave_with(rule.output, rule.assign, bindings, visit.document, rule.next)
    if state.next is None:
        words = "Failed to transition out of the state. The state does not point to a next state."
        raise visit.runtime_failure(words)
    return visit.finish(visit.document)


def _holds(visit: Visit, rule: ChoiceRule, bindings: dict[str, Any]) -> bool:
    value = visit.evaluate(rule.condition, bindings)
    if not isinstance(value, bool):
        raise visit.evaluation_failed(rule.condition.wrong_type("boolean", value))
    return value


async def run_wait(visit: Visit, state: WaitState) -> Transition:
    """Wait: writes nothing while waiting."""
    until = _until(visit, state)
    if until > visit.run.clock.time():
        await visit.run.sleep_until(until)
    return visit.finish(visit.document)


def _until(visit: Visit, state: WaitState) -> float:
    if state.seconds is not None:
        seconds = visit.evaluate(state.seconds)
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            raise visit.evaluation_failed(state.seconds.wrong_type("non-negative integer", seconds))
        return _within(visit, visit.at + seconds)
    assert state.timestamp is not None
    text = _string(visit, state.timestamp)
    moment = parse_timestamp(text)
    if moment is None:
        form = "an ISO-8601 extended offset date-time format string"
        words = f"The Timestamp field cannot be parsed as {form}: {text}"
        raise visit.evaluation_failed(EvaluationError(words, "Timestamp"))
    return _within(visit, moment)


def _within(visit: Visit, moment: float) -> float:
    """The moment, which ends the execution where it is too far ahead [recorded]."""
    if moment - visit.at > MAX_SECONDS:
        raise visit.runtime_failure(f"A Wait state waits for at most {MAX_SECONDS} seconds.")
    return moment
