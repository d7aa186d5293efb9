"""The verify command on an agent's work, in its place: recorded apart from how the agent itself ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stepherd.agents.command_line import split_command
from stepherd.agents.contract import Launch, Reader
from stepherd.agents.watch import Limits
from stepherd.errors import StepherdError
from stepherd.events.vocabulary import Finished, Started
from stepherd.runs.attempts import PastAttempt
from stepherd.runs.result import Status
from stepherd.steps.agent_attempt import Attempt
from stepherd.steps.contract import Done
from stepherd.steps.deadline import seconds_in
from stepherd.steps.outcome import result_of
from stepherd.steps.verification import judge_verify, verify_facts
from stepherd.text.moments import now
from stepherd.text.plain import one_paragraph

__all__ = ["SILENCE_SECONDS", "passed_before", "verify"]

SILENCE_SECONDS: Final = 1800.0


def verify(
    attempt: Attempt, command: str, *, rounds: int = 0, reader: Reader | None = None
) -> tuple[Mapping[str, Any], StepherdError | None]:
    """Run ``command`` on the workspace as it is; what the report shows of it, and the error that it is when
    it had to pass. Its own result goes into the attempt's folder. ``rounds`` is how often the agent was
    told of a failure; ``reader`` hears what the command prints."""
    request, started = attempt.step.request, now()
    attempt.transcript.lines.clear()
    launch = Launch(split_command(command, "--verify"))
    silence = seconds_in("STEPHERD_SILENCE_SECONDS", SILENCE_SECONDS)
    limits = Limits(request.verify_seconds, silence, children_break_silence=True)
    attempt.tell("verify", Started("verify", launch.argv, limits.seconds))
    attempt.folders.give(attempt.account)
    evidence = attempt.supervise("verify", launch, limits, reader, attempt.variables)
    attempt.folders.take(attempt.account)
    facts = verify_facts(command, evidence) | ({"rounds": rounds} if request.verify_rounds else {})
    error = judge_verify(command, evidence, required=request.verify_required)
    outcome: Status = "succeeded" if facts["status"] == "passed" else "failed"
    if evidence.ending == "interrupted":
        outcome = "interrupted"
    attempt.tell("verify", Finished("verify", outcome, evidence.ending, evidence.exit_code, evidence.seconds))
    result = result_of(attempt.step, "verify", started, Done({"verify": facts}, error))
    attempt.step.folder.write_result_at(attempt.keys.verify, result)
    return facts, error


def passed_before(past: Sequence[PastAttempt], work: PastAttempt, command: str) -> Mapping[str, Any] | None:
    """The facts of ``command`` where it has passed on this very work before the step could end; else None."""
    for found in past:
        if found.number >= work.number and found.verified is not None:
            facts: Mapping[str, Any] = found.verified.facts.get("verify", {})
            if facts.get("status") == "passed" and facts.get("command") == one_paragraph(command, 400):
                return facts
    return None
