"""The agent ``codex``: OpenAI's Codex CLI without a terminal.

Its flags are from ``codex exec --help`` of 0.169.0; its events from its documentation. How it behaves against
the real service is not verified.

===========================================================  ===============================================
what is seen                                                 judged
===========================================================  ===============================================
interrupted from outside                                     interrupted
stopped at a limit of ours                                   failed: that limit
``turn.failed``, or an ``error`` after which no turn ended   failed, in its words; login when it says 401
``turn.completed``, exit code 0 or hung on and was ended     succeeded
``turn.completed``, another exit code                        failed
neither, whatever the exit code                              failed
===========================================================  ===============================================

It has a limit of neither turns nor cost of its own, and reports no cost; turns are counted by the supervisor.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from stepherd.agents.codex_reader import CodexReader
from stepherd.agents.contract import AgentContext, BasicAgent, Evidence, Launch, Outcome, Reader
from stepherd.agents.credentials import no_command, require_secret
from stepherd.agents.judgement import failure, judge_stop, last_words, login_failure
from stepherd.agents.prompt import prompt_of

__all__ = ["CodexAgent"]

_KEYS: Final = ("CODEX_API_KEY", "OPENAI_API_KEY")
_LOGIN: Final = re.compile(r"\b401\b|unauthorized|not logged in|invalid.api.key", re.IGNORECASE)
_REMEDY: Final = (
    "Give a key that is good with --agent-credentials env:CODEX_API_KEY, then: stepherd redrive RUN"
)


class CodexAgent(BasicAgent):
    """``codex exec`` (npm: @openai/codex)."""

    name: ClassVar[str] = "codex"
    secret_names: ClassVar[tuple[str, ...]] = _KEYS
    binaries: ClassVar[tuple[str, ...]] = ("codex",)

    def check(self, command: str | None) -> None:
        """Raises UsageError when there is a command: it would be ignored."""
        no_command(self.name, command)

    def prepare(self, context: AgentContext) -> None:
        """Make its folder. Raises CredentialsError without a key."""
        require_secret(self.name, context.secrets, _KEYS)
        assert context.home is not None
        (context.home / ".codex").mkdir(exist_ok=True)

    def plan(self, context: AgentContext) -> Launch:
        """``codex exec -``, with the prompt on stdin. The run itself is the fence around it."""
        words = ["codex", "exec", "--json", "--skip-git-repo-check"]
        words.append("--dangerously-bypass-approvals-and-sandbox")
        if context.model is not None:
            words.append(f"--model={context.model}")
        environment = {"CODEX_HOME": str(context.home / ".codex")} if context.home is not None else {}
        key = next((context.secrets[name] for name in _KEYS if context.secrets.get(name)), None)
        if key is not None:
            environment["CODEX_API_KEY"] = key  # What "exec" reads; the other name is for its login command.
        return Launch((*words, "-"), environment, prompt_of(context).encode())

    def reader(self) -> Reader:
        """Of its events."""
        return CodexReader()

    def judge(self, evidence: Evidence) -> Outcome:
        """By the table above."""
        stopped = judge_stop(evidence, self.name)
        if stopped is not None:
            return stopped
        error = evidence.facts.get("error")
        if error and not evidence.facts.get("completed"):
            if _LOGIN.search(error):
                return login_failure(self.name, f"could not log in: {error}", remedy=_REMEDY)
            return failure(self.name, f"failed: {error}")
        if not evidence.facts.get("completed"):
            return failure(self.name, f"ended before its turn was completed.{last_words(evidence)}")
        if evidence.ending == "exited" and evidence.exit_code != 0:
            return failure(self.name, f"completed its turn and ended with exit code {evidence.exit_code}.")
        return Outcome("succeeded")
