"""The agent ``apply``: does exactly what fenced blocks of the instructions say, and needs no model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar, Final

import stepherd
from stepherd.agents.contract import AgentContext, BasicAgent, Evidence, Launch, Outcome
from stepherd.agents.judgement import failure, judge_by_ending, last_words
from stepherd.errors import DataError, UsageError
from stepherd.remedies import Remedy

__all__ = ["AGENT", "ApplyAgent"]

_ANEW: Final = Remedy("Correct the instructions and start a new run with: ", ("run",))


class ApplyAgent(BasicAgent):
    """Runs ``python -m stepherd.agents.apply`` as a process like any other agent's."""

    name: ClassVar[str] = "apply"

    def check(self, command: str | None) -> None:
        """Raises UsageError when there is a command: it would be ignored."""
        if command is not None:
            raise UsageError(
                "The agent 'apply' takes no command.", remedy="Leave --command out, or --agent apply."
            )

    def plan(self, context: AgentContext) -> Launch:
        """The module in this interpreter, unaffected by modules in the workspace (-P)."""
        argv = (sys.executable, "-P", "-m", "stepherd.agents.apply", str(context.instructions))
        # The environment has no PYTHONPATH, and this package need not be among the installed ones.
        return Launch(argv, {"PYTHONPATH": str(Path(stepherd.__file__).parents[1])})

    def judge(self, evidence: Evidence) -> Outcome:
        """By the exit code. Instructions that cannot be applied are so at every redrive: they are copied."""
        if (evidence.ending, evidence.exit_code) == ("exited", DataError.exit_code):
            return failure(
                self.name, f"could not apply the instructions.{last_words(evidence)}", remedy=_ANEW
            )
        return judge_by_ending(evidence, self.name)


AGENT: Final = ApplyAgent
