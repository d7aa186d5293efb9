"""The agent ``kiro``: the Kiro CLI without a terminal. See facts/q-cli.md 3, from third parties.

===================================================================  =======================================
what is seen                                                         judged
===================================================================  =======================================
interrupted from outside                                             interrupted
stopped at a limit of ours                                           failed: that limit
neither key nor login                                                refused before it starts: it would wait
                                                                     for a person for ever
"Confirm the following code in the browser" before all else          failed: login needed, ended at once
"failed to set model …", when a model was asked for                  failed, ended at once: it would use
                                                                     another one
stream-json: runFinished, status success                             succeeded, whatever stands on stderr
stream-json: runError, with or without runStarted; another status    failed: login, limit of the service,
                                                                     or in its own words
"Authentication failed." (exit code 0), "login session has expired"  failed: login, unless it also says
                                                                     "Credits: … Time: …": it has worked
texts of a limit or a failure, as of q                               failed, in its own words
stream-json: a run without an end                                    failed
exit code other than 0                                               failed
exit code 0, and an answer, a tool or "Credits: … Time: …"           succeeded
exit code 0, and none of these, whatever files have changed          failed: it said nothing
===================================================================  =======================================

A login database shadows KIRO_API_KEY, even when its login is stale: with a key there is no database. The
differences between versions are in kiro_versions.py.
"""

from __future__ import annotations

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
from stepherd.agents.kiro_versions import Manners, manners_of
from stepherd.agents.prompt import prompt_of
from stepherd.agents.q import (
    SERVICE_HOSTS,
    SIGNS,
    judge_sign,
    require_login,
    write_settings,
)
from stepherd.agents.terminal_reader import Sign
from stepherd.logins.kinds import login_kind, user_database
from stepherd.remedies import RUN, Remedy

__all__ = ["AGENT", "KiroAgent"]

_SIGNS: Final = (*SIGNS, Sign.of("login", r"authentication failed"))
_BESIDE: Final = ("", "-wal", "-shm", "-journal")
_KEY_REMEDY: Final = Remedy(
    "Set a valid key in KIRO_API_KEY, or where --agent-credentials said, then: ", ("redrive", RUN)
)
_NO_MODEL: Final = Remedy(
    "Set STEPHERD_KIRO_ENGINE=v2, use another version of kiro-cli, or leave out --model: ",
    ("run",),
)
_OTHER_FLAGS: Final = Remedy(
    "This version has other flags: set STEPHERD_KIRO_ENGINE=default or STEPHERD_KIRO_OUTPUT=text, then: ",
    ("redrive", RUN),
)
_SILENT: Final = Remedy(
    "Log in again with '", ("login", "--agent", "kiro", "--force"), "', then: ", ("redrive", RUN)
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
        self._manners = Manners()
        self._has_key = False
        self._model: str | None = None

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
            database = user_database(login_kind(self.name), context.home)
            for end in _BESIDE:
                database.with_name(database.name + end).unlink(missing_ok=True)
        else:
            require_login(self.name, context.home)
        model = {"chat.defaultModel": context.model} if context.model is not None else {}
        write_settings(context.home / ".kiro" / "settings" / "cli.json", **model)
        self._manners = manners_of(context.home)

    def plan(self, context: AgentContext) -> Launch:
        """``kiro-cli chat``, with the prompt on stdin."""
        words = ["kiro-cli", "chat", "--no-interactive", "--trust-all-tools", *self._manners.engine]
        words += ["--output-format=stream-json"] if self._manners.streams else ["--wrap=never"]
        self._model = context.model
        if context.model is not None and self._manners.takes_model:
            words.append(f"--model={context.model}")
        environment = {"KIRO_DISABLE_TELEMETRY": "1", "KIRO_NO_AUTO_UPDATE": "1"}
        return Launch(tuple(words), environment, prompt_of(context).encode())

    def reader(self) -> Reader:
        """A reader of both forms of output."""
        return KiroReader(_SIGNS, streams=self._manners.streams, wants_model=self._model is not None)

    def judge(self, evidence: Evidence) -> Outcome:
        """Judge one start of the agent by the table at the top of this module."""
        return judge_stop(evidence, self.name) or self._judge(evidence)

    def _judge(self, evidence: Evidence) -> Outcome:
        facts, end, sign = evidence.facts, evidence.facts.get("end"), evidence.facts.get("failure")
        if self._model is not None and facts.get("no_model"):
            return failure(
                self.name, f"did not use the model '{self._model}': {facts['no_model']}", remedy=_NO_MODEL
            )
        if isinstance(end, dict) and end["status"] == "success":
            return Outcome("succeeded")
        if isinstance(end, dict) and (end["kind"] != "failed" or not isinstance(sign, dict)):
            return self._judge_sign(end["kind"], end["text"] or end["status"])
        if isinstance(sign, dict) and not (sign["kind"] == "login" and _has_finished_text(evidence)):
            return self._judge_sign(sign["kind"], sign["text"])
        if facts.get("begun"):
            return failure(self.name, f"ended before its run was finished.{last_words(evidence)}")
        return _judge_text(evidence, self.name)

    def _judge_sign(self, kind: str, said: str) -> Outcome:
        if kind == "login" and self._has_key:
            return login_failure(self.name, f"could not log in: {said}", remedy=_KEY_REMEDY)
        return judge_sign(self.name, kind, said)


AGENT: Final = KiroAgent


def _has_finished_text(evidence: Evidence) -> bool:
    """Whether one that printed no stream-json has worked to its end, which it says by what that cost. A word
    of a tool about authentication is no failure of the login then."""
    facts = evidence.facts
    return evidence.exit_code == 0 and not facts.get("begun") and facts.get("credits") is not None


def _judge_text(evidence: Evidence, name: str) -> Outcome:
    """Of one that printed no stream-json. Changed files are no evidence: an earlier attempt may have made
    them, and a version that takes no such login ends with exit code 0 and without a word."""
    facts, remedy = evidence.facts, Remedy("See what it did: ", ("logs", RUN))
    if evidence.ending == "exited" and evidence.exit_code != 0:
        if any("unexpected argument" in line for line in evidence.last_lines):
            remedy = _OTHER_FLAGS
        what = f"ended with exit code {evidence.exit_code}.{last_words(evidence)}"
        return failure(name, what, remedy=remedy)
    if facts.get("answered") or facts.get("used_tools") or facts.get("credits") is not None:
        return Outcome("succeeded")
    return failure(
        name, f"printed nothing, as when it does not take the login.{last_words(evidence)}", remedy=_SILENT
    )
