"""The verify command after the agent: what is recorded of it, and when its failure fails the run."""

from __future__ import annotations

from typing import Any, Final

from stepherd.agents.contract import AgentFailed, Evidence
from stepherd.errors import StepherdError
from stepherd.remedies import RUN, Remedy
from stepherd.steps.termination import Interrupted
from stepherd.text.plain import one_paragraph

__all__ = ["VerifyFailed", "judge_verify", "verify_facts"]

_LAST_LINES: Final = 10


class VerifyFailed(AgentFailed):
    """The required verify command did not succeed on the agent's work."""

    category = "verify"


def verify_facts(command: str, evidence: Evidence) -> dict[str, Any]:
    """The facts that the report shows: command, status, exit_code, ending, seconds, last_lines."""
    return {
        "command": one_paragraph(command, 400),
        "status": "passed" if _passed(evidence) else "failed",
        "exit_code": evidence.exit_code,
        "ending": evidence.ending,
        "seconds": evidence.seconds,
        "last_lines": list(evidence.last_lines[-_LAST_LINES:]),
    }


def judge_verify(command: str, evidence: Evidence, *, required: bool) -> StepherdError | None:
    """The error that the step ends with; None when it passed or need not pass."""
    if evidence.ending == "interrupted":
        return Interrupted(
            "The run was interrupted while its work was verified.",
            remedy=Remedy("Continue with: ", ("redrive", RUN)),
        )
    if _passed(evidence) or not required:
        return None
    how = {"deadline": "ran out of time", "silence": "printed nothing for too long"}.get(
        evidence.ending, f"ended with exit code {evidence.exit_code}"
    )
    said = f" Its last words: {' | '.join(evidence.last_lines[-3:])}" if evidence.last_lines else ""
    return VerifyFailed(
        f"The verify command '{one_paragraph(command, 200)}' {how}.{said}",
        remedy="A redrive runs only this command again. If the work is wrong, start a new "
        "run that continues from its branch, with --base and --branch.",
    )


def _passed(evidence: Evidence) -> bool:
    return evidence.ending == "exited" and evidence.exit_code == 0
