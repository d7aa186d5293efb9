"""Judging an agent of which nothing is known but how its process ended."""

from __future__ import annotations

from stepherd.agents.contract import AgentFailed, Evidence, Outcome

__all__ = ["judge_by_ending"]

_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_KILLED = 137
_REMEDIES = {
    _NOT_FOUND: "Check that the program is installed where the agent runs, and its name.",
    _NOT_EXECUTABLE: "Make the program executable (chmod +x), or name its interpreter.",
    _KILLED: "It was killed, most often for want of memory: give the agent task more.",
}


def judge_by_ending(evidence: Evidence, name: str) -> Outcome:
    """Succeeded when it ended by itself with exit code 0; the error of any other ending says which it was."""
    if evidence.ending == "interrupted":
        error = AgentFailed(
            f"The agent '{name}' was interrupted after {evidence.seconds:.0f} s.",
            remedy="Its work so far is kept. Continue with: stepherd redrive RUN",
        )
        return Outcome("interrupted", error)
    if evidence.ending == "exited" and evidence.exit_code == 0:
        return Outcome("succeeded")
    return Outcome("failed", _error_of(evidence, name))


def _error_of(evidence: Evidence, name: str) -> AgentFailed:
    limit = f"{evidence.limit_seconds or 0:g} s"
    if evidence.ending == "deadline":
        return AgentFailed(
            f"The agent '{name}' was stopped at its time limit of {limit}.",
            remedy="Its work so far is kept. Give it more with --timeout SECONDS.",
        )
    if evidence.ending == "silence":
        return AgentFailed(
            f"The agent '{name}' was stopped because it printed nothing for {limit}.",
            remedy="Its work so far is kept. Look for what it waited for with: stepherd logs RUN",
        )
    said = f" Its last words: {' | '.join(evidence.last_lines[-3:])}" if evidence.last_lines else ""
    code = evidence.exit_code if evidence.exit_code is not None else _NOT_FOUND
    return AgentFailed(
        f"The agent '{name}' ended with exit code {code}.{said}",
        remedy=_REMEDIES.get(code, "See what it did with: stepherd logs RUN"),
    )
