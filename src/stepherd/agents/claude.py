"""The agent ``claude``: Claude Code without a terminal (facts/claude-code.md 1 to 5, from 2.1.197).

How its outcome is judged; exit codes and ``subtype`` alone lie:

=========================================================  ===============================================
what is seen                                               judged
=========================================================  ===============================================
interrupted from outside, whatever it said after that      interrupted
stopped at a limit of ours, whatever it said after that    failed: that limit
a result ``success``, no error, ``completed``, nothing     succeeded: with exit code 0, or it hung on after
denied                                                     the result and was ended (``lingered``)
the same, and tools were denied                            failed: it could not work, and says success
the same, and another exit code                            failed
result ``error_max_turns``, ``error_max_budget_usd``       failed: that limit
result with ``is_error`` (``subtype`` may be ``success``)  failed: API error; login for "not logged in",
                                                           401, 403
a key that is refused at every try                         failed: login, after two retries, not minutes
no result at all, even with exit code 0                    failed
=========================================================  ===============================================

The prompt goes in as a message on stdin, which stays open: another message there reaches the model in the
middle of a run. The permission mode asks no one, because the run itself is the fence around it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from stepherd.agents.claude_reader import ClaudeReader, user_message
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
from stepherd.agents.judgement import failure, judge_stop, last_words, limit_error, login_failure
from stepherd.agents.prompt import prompt_of
from stepherd.processes.account import agent_account
from stepherd.remedies import RUN, Remedy

__all__ = ["AGENT", "ClaudeAgent"]

_FOLDER: Final = ".claude"
_QUIET: Final = {
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
}
_RETRIES: Final = "8"
"""About a minute and a half of a service that is overloaded."""
_BEDROCK_REGION: Final = "us-east-1"
_LIMITS: Final = {"error_max_turns": "turns", "error_max_budget_usd": "cost"}
_REFUSALS: Final = (401, 403)
_NO_LOGIN: Final = re.compile(r"not logged in|/login|invalid api key|oauth token", re.IGNORECASE)
_REMEDY: Final = Remedy(
    "Set a valid key in ANTHROPIC_API_KEY, or where --agent-credentials said, then: ", ("redrive", RUN)
)


class ClaudeAgent(BasicAgent):
    """Claude Code (npm: @anthropic-ai/claude-code)."""

    name: ClassVar[str] = "claude"
    secret_names: ClassVar[tuple[str, ...]] = (
        *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN"),
        *("CLAUDE_CODE_USE_BEDROCK", "AWS_BEARER_TOKEN_BEDROCK", "AWS_REGION"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    )
    binaries: ClassVar[tuple[str, ...]] = ("claude",)
    install: ClassVar[str] = "npm install -g @anthropic-ai/claude-code"
    image: ClassVar[Pinned | Archive | None] = Pinned("CLAUDE_CODE_VERSION", "2.1.197")
    keeps: ClassVar[frozenset[Kept]] = frozenset({"model", "max_turns", "max_cost_usd", "verify_rounds"})
    session_paths: ClassVar[tuple[str, ...]] = (f"{_FOLDER}/projects",)
    service_hosts: ClassVar[Mapping[str, tuple[str, ...]]] = {"ANTHROPIC_BASE_URL": ("api.anthropic.com",)}

    def model_hosts(self, secrets: Mapping[str, str]) -> tuple[str, ...]:
        """Those of Bedrock in its region, where the secrets say so."""
        if not secrets.get("CLAUDE_CODE_USE_BEDROCK"):
            return super().model_hosts(secrets)
        region = secrets.get("AWS_REGION") or _BEDROCK_REGION
        return (f"bedrock-runtime.{region}.amazonaws.com", f"bedrock.{region}.amazonaws.com")

    def check(self, command: str | None) -> None:
        """Raises UsageError when there is a command: it would be ignored."""
        no_command(self.name, command)

    def prepare(self, context: AgentContext) -> None:
        """Put an earlier attempt's session where this one looks for it.

        Raises CredentialsError without credentials.
        """
        require_secret(
            self.name,
            context.secrets,
            (
                "ANTHROPIC_API_KEY",
                "ANTHROPIC_AUTH_TOKEN",
                "CLAUDE_CODE_OAUTH_TOKEN",
                "CLAUDE_CODE_USE_BEDROCK",
            ),
        )
        transcript = _transcript(context)
        if transcript is not None:
            here = transcript.parent.parent / _folder_name(context.workspace)
            if transcript.parent != here:
                here.mkdir(exist_ok=True)
                shutil.copyfile(transcript, here / transcript.name)

    def plan(self, context: AgentContext) -> Launch:
        """``claude -p``, with the prompt on stdin."""
        again = _transcript(context) is not None
        words = ["claude", "-p", "--verbose", "--permission-mode=bypassPermissions"]
        words += ["--input-format=stream-json", "--output-format=stream-json"]
        if context.session:
            words.append(f"--{'resume' if again else 'session-id'}={context.session}")
        given = (("model", context.model), ("max-turns", context.max_turns))
        words += [f"--{name}={value}" for name, value in given if value is not None]
        if context.max_cost_usd is not None:
            words.append(f"--max-budget-usd={context.max_cost_usd:.10g}")
        environment = {**_QUIET, "CLAUDE_CODE_MAX_RETRIES": _RETRIES}
        if context.home is not None:
            environment["CLAUDE_CONFIG_DIR"] = str(context.home / _FOLDER)
        if os.geteuid() == 0 and agent_account() is None:
            environment["IS_SANDBOX"] = "1"  # It refuses to ask no one as root, unless told that this is one.
        return Launch(tuple(words), environment, user_message(prompt_of(context, again=again)))

    def reader(self) -> Reader:
        """A reader of its stream-json output."""
        return ClaudeReader()

    def judge(self, evidence: Evidence) -> Outcome:
        """Judge one start of the agent by the table at the top of this module."""
        return judge_stop(evidence, self.name) or _judge(self.name, evidence)


AGENT: Final = ClaudeAgent


def _judge(name: str, evidence: Evidence) -> Outcome:
    result, code = evidence.facts.get("result"), evidence.exit_code
    if evidence.facts.get("refused_key") and not (isinstance(result, dict) and not result["is_error"]):
        return login_failure(name, "was refused by the API at every attempt (401).", remedy=_REMEDY)
    if not isinstance(result, dict):
        return failure(name, f"ended without a result (exit code {code}).{last_words(evidence)}")
    failed = _judge_result(name, result)
    if failed is not None:
        return failed
    denied = evidence.facts.get("denied")
    if denied:
        return failure(
            name,
            f"was not allowed to use {', '.join(denied)}, but ended as if its work were done.",
            remedy="Check the permissions in the repository's .claude/settings.json.",
        )
    if evidence.ending == "exited" and code != 0:
        return failure(name, f"reported success but ended with exit code {code}.")
    return Outcome("succeeded")


def _judge_result(name: str, result: Mapping[str, Any]) -> Outcome | None:
    """The failure that the result tells of; None when it tells of success."""
    subtype, status = result["subtype"], result["api_error_status"]
    said = result["text"] or "; ".join(result["errors"]) or subtype
    if subtype in _LIMITS:
        return Outcome("failed", limit_error(name, _LIMITS[subtype]))
    if result["is_error"] and (status in _REFUSALS or (status is None and _NO_LOGIN.search(said))):
        return login_failure(name, f"could not log in: {said}", remedy=_REMEDY)
    if result["is_error"] or subtype != "success":
        return failure(
            name, f"failed: {said}", remedy=Remedy("Continue where it stopped: ", ("redrive", RUN))
        )
    if result["terminal_reason"] != "completed":
        return failure(name, f"did not complete its work ({result['terminal_reason']}).")
    return None


def _transcript(context: AgentContext) -> Path | None:
    """The transcript of an earlier attempt of the run, if there is one."""
    if not (context.resume and context.session and context.home is not None):
        return None
    return next((context.home / _FOLDER / "projects").glob(f"*/{context.session}.jsonl"), None)


def _folder_name(workspace: Path) -> str:
    """Under which name it keeps the sessions of a folder; it finds none of another folder's."""
    return re.sub(r"[^A-Za-z0-9]", "-", os.path.realpath(workspace))
