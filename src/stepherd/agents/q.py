"""The agent ``q``: the Amazon Q Developer CLI without a terminal. See facts/q-cli.md 1 to 3.

Its exit code is 0 for nearly every turn that failed, so it counts only when it is another:

===================================================================  =======================================
what is seen                                                         judged
===================================================================  =======================================
interrupted from outside                                             interrupted
stopped at a limit of ours                                           failed: that limit
"login session has expired", "not logged in" on standard error       failed: login needed (stepherd login)
"Monthly request limit", "rate limit", "quota exceeded"              failed: limit of the service
"having trouble responding", "temporarily unavailable", "Tool        failed, in its own words
approval required", "Tool use was interrupted", "too large to
continue", "does not exist. Available models"
exit code other than 0                                               failed
exit code 0, and neither an answer nor a change                      failed: it said and changed nothing
exit code 0, and an answer or a change                               succeeded
===================================================================  =======================================

The texts stand in its published source (1.19.7). With AMAZON_Q_SIGV4 and AWS credentials no person's login is
needed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
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
from stepherd.agents.prompt import prompt_of
from stepherd.agents.terminal_reader import Sign, TerminalReader
from stepherd.errors import CredentialsError
from stepherd.logins.kinds import login_kind, user_database
from stepherd.remedies import RUN, Remedy

__all__ = [
    "AGENT",
    "SERVICE_HOSTS",
    "SIGNS",
    "QAgent",
    "judge_sign",
    "judge_terminal",
    "require_login",
    "write_settings",
]

SERVICE_HOSTS: Final = (
    *("q.us-east-1.amazonaws.com", "q.eu-central-1.amazonaws.com", "codewhisperer.us-east-1.amazonaws.com"),
    # Tokens are renewed there; of a login in another region, its own.
    *("oidc.us-east-1.amazonaws.com", "oidc.eu-central-1.amazonaws.com"),
)
SIGNS: Final = (
    Sign.of(
        "login", r"login session has expired|not logged in|bearer token included in the request is invalid"
    ),
    Sign.of("asked", r"confirm the following code in the browser|open this url:"),
    Sign.of("limit", r"monthly request limit|rate limit reached|request quota exceeded|too many requests"),
    Sign.of("failed", r"having trouble responding right now|temporarily unavailable\. Please"),
    Sign.of("failed", r"tool approval required but --no-interactive|tool use was interrupted"),
    Sign.of("failed", r"conversation is too large to continue|unable to compact the conversation"),
    Sign.of("failed", r"conversation history has overflowed|does not exist\. available models"),
)
_MODELS: Final = "available models:"
_SHORT_LIST: Final = Remedy(
    "With AWS keys, q cannot ask for the list of models and takes only those that it names. Choose one of "
    "them, leave out --model, or use a login: ",
    ("login", "--agent", "q"),
)
_SETTINGS: Final = {
    "chat.greeting.enabled": False,
    "chat.disableMarkdownRendering": True,
    "telemetry.enabled": False,
}


class QAgent(BasicAgent):
    """Runs ``q chat`` without a terminal."""

    name: ClassVar[str] = "q"
    login: ClassVar[str | None] = "q"
    secret_names: ClassVar[tuple[str, ...]] = (
        *("AMAZON_Q_SIGV4", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"),
    )
    binaries: ClassVar[tuple[str, ...]] = ("q",)
    install: ClassVar[str] = "see docs.aws.amazon.com/amazonq, Installing Amazon Q for command line"
    image: ClassVar[Pinned | Archive | None] = Archive("Q_CLI")
    keeps: ClassVar[frozenset[Kept]] = frozenset({"model", "verify_rounds"})
    service_hosts: ClassVar[Mapping[str, tuple[str, ...]]] = {"": SERVICE_HOSTS}

    def __init__(self) -> None:
        self._has_keys = False

    def check(self, command: str | None) -> None:
        """Raises UsageError when there is a command: it would be ignored."""
        no_command(self.name, command)

    def prepare(self, context: AgentContext) -> None:
        """Write its settings. Raises CredentialsError when it has neither a login nor a whole AWS key."""
        assert context.home is not None
        if context.secrets:
            require_secret(self.name, context.secrets, ("AWS_ACCESS_KEY_ID",))
            require_secret(self.name, context.secrets, ("AWS_SECRET_ACCESS_KEY",))
        else:
            require_login(self.name, context.home)
        write_settings(user_database(login_kind(self.name), context.home).with_name("settings.json"))

    def plan(self, context: AgentContext) -> Launch:
        """``q chat``, with the prompt on stdin: it reads it there when it gets none as a word."""
        words = ["q", "chat", "--no-interactive", "--trust-all-tools", "--wrap=never"]
        if context.model is not None:
            words.append(f"--model={context.model}")
        environment = {"Q_DISABLE_TELEMETRY": "1"}
        self._has_keys = bool(context.secrets)
        if self._has_keys:
            environment["AMAZON_Q_SIGV4"] = "1"
        return Launch(tuple(words), environment, prompt_of(context).encode())

    def reader(self) -> Reader:
        """Of what it prints for a terminal."""
        return TerminalReader(SIGNS)

    def judge(self, evidence: Evidence) -> Outcome:
        """Judge one start of the agent by the table at the top of this module."""
        sign = evidence.facts.get("failure")
        stopped = judge_stop(evidence, self.name)
        if stopped is None and self._has_keys and isinstance(sign, dict) and _MODELS in sign["text"].lower():
            return failure(self.name, f"failed: {sign['text']}", remedy=_SHORT_LIST)
        return stopped or judge_terminal(evidence, self.name)


AGENT: Final = QAgent


def judge_terminal(evidence: Evidence, name: str) -> Outcome:
    """The judgement of an agent that prints for a terminal and ended by its own will."""
    sign = evidence.facts.get("failure")
    if isinstance(sign, dict):
        return judge_sign(name, sign["kind"], sign["text"])
    if evidence.ending == "exited" and evidence.exit_code != 0:
        return failure(name, f"ended with exit code {evidence.exit_code}.{last_words(evidence)}")
    if not evidence.facts.get("answered") and not evidence.changed_files:
        return failure(name, f"printed nothing and changed nothing.{last_words(evidence)}")
    return Outcome("succeeded")


def judge_sign(name: str, kind: str, said: str) -> Outcome:
    """The judgement of an agent that ``said`` itself what kind of failure it was."""
    if kind in {"login", "asked"}:
        what = "asked a person to log in" if kind == "asked" else "could not log in"
        # The token may be good by its date: without --force, the login would be found valid as it was before.
        remedy = Remedy("Log in with '", ("login", "--agent", name, "--force"), "', then: ", ("redrive", RUN))
        return login_failure(name, f"{what}: {said}", remedy=remedy)
    if kind == "limit":
        remedy = Remedy("Wait until the service allows more, then: ", ("redrive", RUN))
        return failure(name, f"was stopped by a limit of the service: {said}", remedy=remedy)
    return failure(name, f"failed: {said}")


def require_login(name: str, home: Path) -> None:
    """Raises CredentialsError when no database below ``home`` holds a login."""
    # Only now: choosing an agent can do without SQLite.
    from stepherd.logins.checks import checked_copy, text_of

    kind = login_kind(name)
    path = user_database(kind, home)
    found = False
    if path.exists():
        with checked_copy(path) as db:
            found = any(
                text_of(db, "auth_kv", row) not in {None, "null"} for row in (kind.row, *kind.other_rows)
            )
    if not found:
        raise CredentialsError(
            f"The agent '{name}' has no login.", remedy=Remedy("Log in with: ", ("login", "--agent", name))
        )


def write_settings(path: Path, **more: object) -> None:
    """No greeting, no drawing, no telemetry, and ``more``; readable by its user alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({**_SETTINGS, **more}, file)
