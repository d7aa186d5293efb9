"""The agent ``command``: any command line, run in the workspace, judged by its exit code."""

from __future__ import annotations

from typing import ClassVar, Final

from stepherd.agents.command_line import split_command
from stepherd.agents.contract import AgentContext, BasicAgent, Evidence, Kept, Launch, Outcome
from stepherd.agents.judgement import judge_by_ending
from stepherd.errors import UsageError

__all__ = ["AGENT", "CommandAgent"]


class CommandAgent(BasicAgent):
    """Runs what ``--command`` says; it finds the instructions in the folder ``$STEPHERD_INSTRUCTIONS``."""

    name: ClassVar[str] = "command"
    keeps: ClassVar[frozenset[Kept]] = frozenset({"verify_rounds"})

    def check(self, command: str | None) -> None:
        """Raises UsageError when there is no command, or it cannot be split into words."""
        if command is None:
            raise UsageError(
                "The agent 'command' needs a command.", remedy="Give it with --command 'PROGRAM ARGUMENTS'."
            )
        split_command(command, "--command")

    def plan(self, context: AgentContext) -> Launch:
        """The words of the command."""
        self.check(context.command)
        return Launch(split_command(context.command or "", "--command"))

    def judge(self, evidence: Evidence) -> Outcome:
        """By the exit code: a command has no other way to say how it went."""
        return judge_by_ending(evidence, self.name)


AGENT: Final = CommandAgent
