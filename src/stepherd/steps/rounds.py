"""Verify rounds: what a verify command finds fault with goes back to the agent, until it passes or a budget
is spent.

All of it is one task: the agent keeps its workspace, its home and, where it has one, its session. The
limits of the request are those of the run: each round gets what the rounds before have left of time, turns
and cost. Rounds are counted over the attempts of a run, too: a redrive has what is left of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stepherd.agents.contract import AgentFailed, BasicReader, Stream
from stepherd.events.vocabulary import Event, Retry
from stepherd.runs.spent import spent, total
from stepherd.steps.agent_budget import Budget, budget_of
from stepherd.steps.agent_verify import verify
from stepherd.steps.contract import Done
from stepherd.steps.litter import files_below, remove_unchanged
from stepherd.steps.outcome import result_of
from stepherd.text.plain import one_paragraph, plain

if TYPE_CHECKING:
    from stepherd.errors import StepherdError
    from stepherd.runs.attempts import PastAttempt
    from stepherd.steps.agent_attempt import Attempt

__all__ = ["Round", "Verified", "verify_in_rounds"]

_MOST_LINES: Final = 200
_MOST_CHARACTERS: Final = 16_000
_LONGEST_LINE: Final = 1000
_FEEDBACK: Final = """\
Your work was checked with a command, and the check failed. Find out why, and fix it: in the work, not
by weakening the check. Leave the result as files in the current folder, as before. The command was

    {command}

and it {ending}. The end of what it printed:

{output}
"""


@dataclass(frozen=True, slots=True)
class Round:
    """The settings for one more start of the agent."""

    budget: Budget
    """The rest of the limits of the run."""
    seconds: float
    """The rest of the time of the attempt."""
    feedback: str
    """The message for the agent."""
    tidy: Callable[[], None]
    """To be called when the agent has ended and before its work is recorded: files that the verify command
    left behind are not the agent's work."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of all rounds: the present work, the facts of the last verify command, and their error."""

    found: Done
    verify: Mapping[str, Any]
    error: StepherdError | None


def verify_in_rounds(
    attempt: Attempt,
    command: str,
    found: Done,
    again: Callable[[Round], Done],
    past: Sequence[PastAttempt],
) -> Verified:
    """Run ``command`` on the work ``found``, and the agent ``again`` as long as it fails and something is
    left.

    A round in which the agent itself did not do its work is the last one: its error is that of the whole,
    unless the command passes all the same.
    """
    most, workspace = attempt.step.request.verify_rounds, attempt.folders.workspace
    rounds, notes, step = _rounds_before(past), list[str](), attempt.step
    used, own = spent(step.folder, past), _Spent()
    if attempt.agent_ran:  # Else the work is that of an earlier attempt, and so is what it has used.
        own = own.plus(found.facts["agent"])
    failed: StepherdError | None = None
    while True:
        reader, before = _Tail(), files_below(workspace) if rounds < most else {}
        facts, error = verify(attempt, command, rounds=rounds, reader=reader)
        passed = facts["status"] == "passed"
        if passed or failed is not None or rounds >= most or facts["ending"] in _FINAL:
            return Verified(_noted(found, notes), facts, None if passed else failed or error)
        seconds = step.request.timeout_seconds - own.seconds
        try:
            budget = budget_of(step.request, total([used, own.usage]))
            if seconds < 1:
                raise AgentFailed("The time limit of the agent is used up: it was not started again.")
        except AgentFailed as nothing_left:
            notes.append(f"There was no round {rounds + 1}. {nothing_left.message}")
            return Verified(_noted(found, notes), facts, error)
        rounds += 1
        litter = files_below(workspace, but=before)
        attempt.tell("verify", Retry(f"the verify command {_ending(facts)}", rounds, most))
        feedback = _FEEDBACK.format(
            command=one_paragraph(command, 400), ending=_ending(facts), output=reader.text
        )
        done = again(Round(budget, seconds, feedback, lambda: remove_unchanged(workspace, litter)))  # noqa: B023
        own = own.plus(done.facts["agent"])
        found = Done({**done.facts, "agent": own.in_all(done.facts["agent"])}, done.error)
        # In its place now, so that a redrive after the death of this task knows what was used.
        result = result_of(attempt.step, "agent", attempt.started, found)
        attempt.step.folder.write_result_at(attempt.keys.result, result)
        failed = done.error
        if failed is not None:
            notes.append(f"Round {rounds}: {failed.message}")
            if not isinstance(failed, AgentFailed):
                # Interrupted, refused, or work that must not be pushed: there is nothing to verify.
                return Verified(_noted(found, notes), {**facts, "rounds": rounds}, failed)


_FINAL: Final = frozenset({"interrupted", "not_started"})
"""Endings of a verify command that no agent can put right."""


class _Tail(BasicReader):
    """Keeps the end of what a command prints, which is masked when it comes here: as text, for an agent's
    command line or file may not hold NUL, and colours are of no use there."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)

    def feed(self, stream: Stream, line: str) -> Sequence[Event]:
        """The line, as output."""
        self._lines.append(one_paragraph(line, _LONGEST_LINE) if len(line) > _LONGEST_LINE else plain(line))
        return super().feed(stream, line)

    @property
    def text(self) -> str:
        """The last lines, indented, so that they are not taken for anything else."""
        shown = "\n".join(f"    {part}" for line in self._lines for part in line.split("\n"))
        return shown[-_MOST_CHARACTERS:] or "    (it printed nothing)"


@dataclass(frozen=True, slots=True)
class _Spent:
    """The time (in seconds) and usage of the agent in this attempt."""

    seconds: float = 0.0
    usage: Mapping[str, Any] = field(default_factory=dict)

    def plus(self, agent: Mapping[str, Any]) -> _Spent:
        """With what one start of it has used, by its facts."""
        seconds = self.seconds + float(agent.get("seconds") or 0)
        return _Spent(seconds, total([self.usage, agent.get("usage") or {}]))

    def in_all(self, agent: Mapping[str, Any]) -> dict[str, Any]:
        """The facts of the agent's last start, with the sums of all."""
        usage = {"usage": {**(agent.get("usage") or {}), **self.usage}} if self.usage else {}
        return {**agent, "seconds": round(self.seconds, 3), **usage}


def _rounds_before(past: Sequence[PastAttempt]) -> int:
    """How many rounds the run has had in earlier attempts."""
    verified = (found.verified.facts.get("verify", {}) for found in past if found.verified is not None)
    return max((int(facts.get("rounds", 0)) for facts in verified), default=0)


def _ending(facts: Mapping[str, Any]) -> str:
    how = {"deadline": "ran out of time", "silence": "printed nothing for too long"}
    return how.get(str(facts["ending"]), f"ended with exit code {facts['exit_code']}")


def _noted(found: Done, notes: Sequence[str]) -> Done:
    said = [note for note in (found.facts.get("note"), *notes) if note]
    return Done({**found.facts, **({"note": " ".join(said)} if said else {})}, found.error)
