"""Judging what ends every agent alike: a limit, a stop from outside, a program that is not there."""

from __future__ import annotations

import signal

from stepherd.agents.contract import AgentFailed, Evidence, Outcome
from stepherd.errors import CredentialsError
from stepherd.remedies import RUN, Remedy

__all__ = ["failure", "judge_by_ending", "judge_stop", "last_words", "limit_error", "login_failure"]

_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_KILLED = 137
_SIGNALS_BEGIN = 128
_SIGNALS = {int(each) for each in signal.Signals}
_REMEDIES = {
    _NOT_FOUND: "Check the program's name, and that it is installed where the agent runs. A script's "
    "first line must name an interpreter that is there, and must not end with CR LF.",
    _NOT_EXECUTABLE: "Make the program executable (chmod +x), or name its interpreter.",
    _KILLED: "It was killed, most often because memory ran out: run less at the same time on this "
    "machine, or give the agents of a stack more (AgentMemory).",
}
_KEPT = "Any work so far is kept."


def judge_by_ending(evidence: Evidence, name: str) -> Outcome:
    """Succeeded when it ended by itself with exit code 0; the error of any other ending says which it was."""
    stopped = judge_stop(evidence, name)
    if stopped is not None:
        return stopped
    if evidence.ending == "exited" and evidence.exit_code == 0:
        return Outcome("succeeded")
    return Outcome("failed", _error_of_exit(evidence, name))


def judge_stop(evidence: Evidence, name: str) -> Outcome | None:
    """The judgement of an agent that was stopped, or never started; None when it ended by its own will."""
    if evidence.ending in {"exited", "lingered"}:
        return None
    if evidence.ending == "interrupted":
        error = AgentFailed(
            f"The agent '{name}' was interrupted after {evidence.seconds:.0f} s.",
            remedy=Remedy(f"{_KEPT} Continue with: ", ("redrive", RUN)),
        )
        return Outcome("interrupted", error)
    return Outcome("failed", _error_of_stop(evidence, name))


def failure(name: str, what: str, *, remedy: str = Remedy("See what it did: ", ("logs", RUN))) -> Outcome:
    """The agent failed: ``what`` continues from its name."""
    return Outcome("failed", AgentFailed(f"The agent '{name}' {what}", remedy=remedy))


def login_failure(name: str, what: str, *, remedy: str) -> Outcome:
    """The agent could do nothing for want of a login or key that is good."""
    return Outcome("failed", CredentialsError(f"The agent '{name}' {what}", remedy=remedy))


def last_words(evidence: Evidence) -> str:
    """The end of what it printed, as a sentence to append; empty when it printed nothing."""
    return f" Its last words: {' | '.join(evidence.last_lines[-3:])}" if evidence.last_lines else ""


def _error_of_stop(evidence: Evidence, name: str) -> AgentFailed:
    limit = f"{evidence.limit_seconds or 0:g} s"
    if evidence.ending == "deadline":
        return AgentFailed(
            f"The agent '{name}' was stopped at its time limit of {limit}.",
            remedy=Remedy(f"{_KEPT} Give it more time: ", ("redrive", RUN, "--timeout", "MORE")),
        )
    if evidence.ending == "silence":
        return AgentFailed(
            f"The agent '{name}' was stopped because it printed nothing for {limit}.",
            remedy=Remedy(f"{_KEPT} See what it was waiting for: ", ("logs", RUN)),
        )
    if evidence.ending == "turns":
        return limit_error(name, "turns")
    if evidence.ending == "cost":
        return limit_error(name, "cost")
    return _error_of_exit(evidence, name)


def limit_error(name: str, limit: str) -> AgentFailed:
    """The error of an agent that was stopped at its limit of ``turns`` or ``cost``."""
    flag = f"--max-{limit}"
    return AgentFailed(
        f"The agent '{name}' was stopped at its limit of {limit}.",
        remedy=Remedy(f"{_KEPT} Raise the limit: ", ("redrive", RUN, flag, "MORE")),
    )


def _signal_text(code: int) -> str:
    """The signal that a shell gives this code for; a program may end with it by itself."""
    number = code - _SIGNALS_BEGIN
    return f" (as after {signal.Signals(number).name})" if number in _SIGNALS else ""


def _error_of_exit(evidence: Evidence, name: str) -> AgentFailed:
    code = evidence.exit_code if evidence.exit_code is not None else _NOT_FOUND
    return AgentFailed(
        f"The agent '{name}' ended with exit code {code}{_signal_text(code)}.{last_words(evidence)}",
        remedy=_REMEDIES.get(code, Remedy("See what it did: ", ("logs", RUN))),
    )
