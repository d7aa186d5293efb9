"""The agent ``codex``: OpenAI's Codex CLI without a terminal. 0.169.0 was run against a scripted model.

===========================================================  ===============================================
what happens                                                 exit code and last event
===========================================================  ===============================================
a turn that ends                                             0, ``turn.completed``
400, 429 out of quota                                        1, ``error`` and ``turn.failed``, at once
401, 429, 500, a stream that ends early                      the same after 5 retries, each an ``error`` event
no connection                                                none: it tries until it is stopped
SIGINT, while it waits for the model or a tool runs          1, none; the tool is gone
SIGTERM, the same                                            143, none; the tool is gone
===========================================================  ===============================================

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
A base URL counts in its configuration alone, not in its environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from stepherd.agents.codex_reader import CodexReader
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
from stepherd.agents.prompt import prompt_of
from stepherd.errors import ConfigurationError
from stepherd.remedies import RUN, Remedy

__all__ = ["AGENT", "CodexAgent"]

_KEYS: Final = ("CODEX_API_KEY", "OPENAI_API_KEY")
_BASE_URL: Final = "OPENAI_BASE_URL"
_LOGIN: Final = re.compile(r"\b401\b|unauthorized|not logged in|invalid.api.key", re.IGNORECASE)
_URL: Final = re.compile(r"https?://[!#-\[\]-~]+")  # Characters that need no escape in TOML.
_ALONE: Final = """\
check_for_update_on_startup = false
[analytics]
enabled = false
[otel]
metrics_exporter = "none"
[features]
plugins = false
"""
"""Without it, it asks GitHub and ChatGPT for updates and plugins, and tells them how it is used."""
_REMEDY: Final = Remedy(
    "Set a valid key in CODEX_API_KEY, or where --agent-credentials said, then: ", ("redrive", RUN)
)


class CodexAgent(BasicAgent):
    """``codex exec`` (npm: @openai/codex)."""

    name: ClassVar[str] = "codex"
    secret_names: ClassVar[tuple[str, ...]] = (*_KEYS, _BASE_URL)
    binaries: ClassVar[tuple[str, ...]] = ("codex",)
    install: ClassVar[str] = "npm install -g @openai/codex"
    image: ClassVar[Pinned | Archive | None] = Pinned("CODEX_VERSION", "0.169.0")
    keeps: ClassVar[frozenset[Kept]] = frozenset({"model", "max_turns", "verify_rounds"})
    service_hosts: ClassVar[Mapping[str, tuple[str, ...]]] = {_BASE_URL: ("api.openai.com",)}

    def check(self, command: str | None) -> None:
        """Raises UsageError when there is a command: it would be ignored."""
        no_command(self.name, command)

    def prepare(self, context: AgentContext) -> None:
        """Write its configuration: where its model is, and to talk to no one else. Raises CredentialsError
        without a key, ConfigurationError for an invalid base URL."""
        require_secret(self.name, context.secrets, _KEYS)
        assert context.home is not None
        folder = context.home / ".codex"
        folder.mkdir(exist_ok=True)
        path = folder / "config.toml"
        path.write_text(_base_url(context.secrets.get(_BASE_URL)) + _ALONE)
        path.chmod(0o600)

    def plan(self, context: AgentContext) -> Launch:
        """``codex exec -``, with the prompt on stdin. The run itself is the fence around it."""
        words = ["codex", "exec", "--json", "--skip-git-repo-check"]
        words.append("--dangerously-bypass-approvals-and-sandbox")
        if context.model is not None:
            words.append(f"--model={context.model}")
        environment = {"CODEX_HOME": str(context.home / ".codex")} if context.home is not None else {}
        key = next((context.secrets[name] for name in _KEYS if context.secrets.get(name)), None)
        if key is not None:
            environment["CODEX_API_KEY"] = key  # The name that "exec" reads, unlike "login".
        return Launch((*words, "-"), environment, prompt_of(context).encode())

    def reader(self) -> Reader:
        """A reader of the events that codex prints."""
        return CodexReader()

    def judge(self, evidence: Evidence) -> Outcome:
        """Judge one start of the agent by the table at the top of this module."""
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
            return failure(self.name, f"completed its turn but ended with exit code {evidence.exit_code}.")
        return Outcome("succeeded")


AGENT: Final = CodexAgent


def _base_url(url: str | None) -> str:
    if not url:
        return ""
    if not _URL.fullmatch(url):
        raise ConfigurationError(
            f"The secret's {_BASE_URL} is not a URL.", remedy="Use one such as https://gateway.example/v1."
        )
    return f'openai_base_url = "{url}"\n'
