"""The agent ``opencode`` without a terminal. 1.18.33 was run against a scripted model.

===========================================================  ===============================================
what happens                                                 exit code and last event
===========================================================  ===============================================
a turn that ends                                             0, ``step_finish`` with ``stop``
400, 401                                                     1, ``error``
500, 529                                                     none: it tries again
a stream that ends early                                     none: a step with ``unknown``, then the next one
a tool that is not there                                     none: ``tool_use`` of ``invalid``
SIGINT or SIGTERM while it waits for the model               none: it continues waiting, and must be killed
SIGINT or SIGTERM while a tool runs                          killed by it; **the tool lives on**
===========================================================  ===============================================

===========================================================  ===============================================
what is seen                                                 judged
===========================================================  ===============================================
interrupted from outside                                     interrupted
stopped at a limit of ours                                   failed: that limit
an ``error`` event                                           failed, in its words; login when it says 401
the last step finished with ``stop``, exit code 0            succeeded
the last step finished otherwise, or there was none          failed
exit code other than 0                                       failed
===========================================================  ===============================================

It has a limit of neither turns nor cost of its own; it reports both, and the supervisor keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from stepherd.agents.contract import (
    AgentContext,
    Archive,
    BasicAgent,
    Evidence,
    Kept,
    Launch,
    Outcome,
    Pinned,
    Reader,
)
from stepherd.agents.credentials import no_command, require_secret
from stepherd.agents.judgement import failure, judge_stop, last_words, login_failure
from stepherd.agents.opencode_reader import OpencodeReader
from stepherd.agents.prompt import prompt_of
from stepherd.remedies import RUN, Remedy

__all__ = ["AGENT", "OpencodeAgent"]

_KEYS: Final = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
_LOGIN: Final = re.compile(r"\b401\b|unauthorized|authentication|api.key", re.IGNORECASE)
_REMEDY: Final = Remedy("Set a valid key where --agent-credentials said, then: ", ("redrive", RUN))


class OpencodeAgent(BasicAgent):
    """``opencode run`` (npm: opencode-ai)."""

    name: ClassVar[str] = "opencode"
    secret_names: ClassVar[tuple[str, ...]] = (*_KEYS, "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL")
    binaries: ClassVar[tuple[str, ...]] = ("opencode",)
    install: ClassVar[str] = "npm install -g opencode-ai"
    image: ClassVar[Pinned | Archive | None] = Pinned("OPENCODE_VERSION", "1.18.33")
    keeps: ClassVar[frozenset[Kept]] = frozenset({"model", "max_turns", "max_cost_usd", "verify_rounds"})
    service_hosts: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ANTHROPIC_BASE_URL": ("api.anthropic.com",),
        "OPENAI_BASE_URL": ("api.openai.com",),
    }

    def check(self, command: str | None) -> None:
        """Raises UsageError when there is a command: it would be ignored."""
        no_command(self.name, command)

    def prepare(self, context: AgentContext) -> None:
        """Nothing to write. Raises CredentialsError without a key."""
        require_secret(self.name, context.secrets, _KEYS)

    def plan(self, context: AgentContext) -> Launch:
        """``opencode run``, with the prompt on stdin, which it reads to its end."""
        # Without a title it asks a model for one, which somebody pays for.
        words = ["opencode", "run", "--format=json", "--auto", f"--title={context.run_id}"]
        if context.model is not None:
            words.append(f"--model={context.model}")
        environment = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
        return Launch(tuple(words), environment, prompt_of(context).encode())

    def reader(self) -> Reader:
        """A reader of the events that opencode prints."""
        return OpencodeReader()

    def judge(self, evidence: Evidence) -> Outcome:
        """Judge one start of the agent by the table at the top of this module."""
        stopped = judge_stop(evidence, self.name)
        if stopped is not None:
            return stopped
        error, reason = evidence.facts.get("error"), evidence.facts.get("reason")
        if error and _LOGIN.search(error):
            return login_failure(self.name, f"could not log in: {error}", remedy=_REMEDY)
        if error:
            return failure(self.name, f"failed: {error}")
        if evidence.exit_code != 0:
            return failure(self.name, f"ended with exit code {evidence.exit_code}.{last_words(evidence)}")
        if reason != "stop":
            how = f"with '{reason}'" if reason else "at none"
            return failure(self.name, f"ended before its work was done: its last step ended {how}.")
        return Outcome("succeeded")


AGENT: Final = OpencodeAgent
