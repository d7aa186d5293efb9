"""The agent ``kiro``: the Kiro CLI without a terminal. See facts/q-cli.md 3, from third parties.

===================================================================  =======================================
what is seen                                                         judged
===================================================================  =======================================
interrupted from outside                                             interrupted
stopped at a limit of ours                                           failed: that limit
neither key nor login                                                refused before it starts: it would wait
                                                                     for a person for ever
"Confirm the following code in the browser" before all else          failed: login needed, ended at once
"Authentication failed." (exit code 0), "login session has expired"  failed: login
texts of a limit or a failure, as of q                               failed, in its own words
stream-json: runFinished, status success                             succeeded
stream-json: runError; another status; no end at all                 failed
text: exit code other than 0                                         failed
text: exit code 0, and an answer, a change or "Credits: … Time: …"   succeeded
text: exit code 0, and none of these                                 failed: it said and changed nothing
===================================================================  =======================================

A login database shadows KIRO_API_KEY, even when its login is stale: with a key there is no database. From
2.24 on it prints stream-json; STEPHERD_KIRO_OUTPUT, ``text`` or ``stream-json``, decides where that is wrong.
"""

from __future__ import annotations

import os
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
from stepherd.agents.credentials import no_command
from stepherd.agents.judgement import failure, judge_stop, last_words, login_failure
from stepherd.agents.kiro_reader import KiroReader
from stepherd.agents.prompt import prompt_of
from stepherd.agents.q import (
    SERVICE_HOSTS,
    SIGNS,
    judge_terminal,
    login_folder,
    require_login,
    write_settings,
)
from stepherd.agents.terminal_reader import Sign
from stepherd.agents.versions import version_of
from stepherd.errors import ConfigurationError, StepherdError
from stepherd.remedies import RUN, Remedy

__all__ = ["AGENT", "KiroAgent"]

_SIGNS: Final = (*SIGNS, Sign.of("login", r"authentication failed"))
_STREAMS_FROM: Final = (2, 24)
_VERSION: Final = re.compile(r"(\d+)\.(\d+)")
_BESIDE: Final = ("", "-wal", "-shm", "-journal")
_KEY_REMEDY: Final = Remedy(
    "Set a valid key with --agent-credentials env:KIRO_API_KEY, then: ", ("redrive", RUN)
)


class KiroAgent(BasicAgent):
    """Runs ``kiro-cli chat`` without a terminal."""

    name: ClassVar[str] = "kiro"
    login: ClassVar[str | None] = "kiro"
    secret_names: ClassVar[tuple[str, ...]] = ("KIRO_API_KEY",)
    binaries: ClassVar[tuple[str, ...]] = ("kiro-cli",)
    install: ClassVar[str] = "see kiro.dev/docs/cli/installation"
    image: ClassVar[Pinned | Archive | None] = Archive("KIRO_CLI")
    keeps: ClassVar[frozenset[Kept]] = frozenset({"model", "verify_rounds"})
    service_hosts: ClassVar[Mapping[str, tuple[str, ...]]] = {"": ("*.kiro.dev", *SERVICE_HOSTS)}

    def __init__(self) -> None:
        self._streams = False
        self._has_key = False

    def check(self, command: str | None) -> None:
        """Raises UsageError when there is a command: it would be ignored."""
        no_command(self.name, command)

    def prepare(self, context: AgentContext) -> None:
        """Write its settings, take a database away that would shadow its key, and ask for its version.

        Raises CredentialsError when it has neither a key nor a login.
        """
        assert context.home is not None
        self._has_key = bool(context.secrets.get("KIRO_API_KEY"))
        if self._has_key:
            for end in _BESIDE:
                (login_folder(self.name, context.home) / f"data.sqlite3{end}").unlink(missing_ok=True)
        else:
            require_login(self.name, context.home)
        write_settings(context.home / ".kiro" / "settings" / "cli.json")
        self._streams = _streams(context)

    def plan(self, context: AgentContext) -> Launch:
        """``kiro-cli chat``, with the prompt on stdin."""
        words = ["kiro-cli", "chat", "--no-interactive", "--trust-all-tools"]
        words += ["--output-format=stream-json"] if self._streams else ["--wrap=never"]
        if context.model is not None:
            words.append(f"--model={context.model}")
        environment = {"KIRO_DISABLE_TELEMETRY": "1", "KIRO_NO_AUTO_UPDATE": "1"}
        return Launch(tuple(words), environment, prompt_of(context).encode())

    def reader(self) -> Reader:
        """A reader of both forms of output."""
        return KiroReader(_SIGNS)

    def judge(self, evidence: Evidence) -> Outcome:
        """By the table above."""
        return judge_stop(evidence, self.name) or self._judge(evidence)

    def _judge(self, evidence: Evidence) -> Outcome:
        facts, end = evidence.facts, evidence.facts.get("end")
        sign = facts.get("failure")
        if isinstance(sign, dict) and sign["kind"] == "login" and self._has_key:
            return login_failure(self.name, f"could not log in: {sign['text']}", remedy=_KEY_REMEDY)
        if isinstance(sign, dict):
            return judge_terminal(evidence, self.name)
        if not facts.get("begun"):
            return _judge_text(evidence, self.name)
        if not isinstance(end, dict):
            return failure(self.name, f"ended before its run was finished.{last_words(evidence)}")
        if end["status"] != "success":
            return failure(self.name, f"failed: {end['text'] or end['status']}")
        return Outcome("succeeded")


AGENT: Final = KiroAgent


def _judge_text(evidence: Evidence, name: str) -> Outcome:
    if evidence.exit_code == 0 and evidence.facts.get("credits") is not None:
        return Outcome("succeeded")
    return judge_terminal(evidence, name)


def _streams(context: AgentContext) -> bool:
    """Whether the installed version prints stream-json."""
    said = os.environ.get("STEPHERD_KIRO_OUTPUT", "")
    if said not in {"", "text", "stream-json"}:
        raise ConfigurationError(
            f"STEPHERD_KIRO_OUTPUT is {said!r}.", remedy="Set it to text or stream-json, or leave it out."
        )
    return said == "stream-json" if said else _version(context) >= _STREAMS_FROM


def _version(context: AgentContext) -> tuple[int, int]:
    assert context.home is not None
    try:
        said = version_of("kiro-cli", os.environ.get("PATH", os.defpath), context.home)
    except StepherdError:
        return (0, 0)
    found = _VERSION.match(said or "")
    return (int(found[1]), int(found[2])) if found else (0, 0)
