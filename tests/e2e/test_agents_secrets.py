"""78, 87 for agents: an agent's key is in its environment alone, and nothing else is there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.e2e.aftermath import no_canary
from tests.e2e.inside import Inside
from tests.e2e.place import Place
from tests.fakes.install import install
from tests.integration.repositories.origin import git
from tests.processes import sampled_command_lines, sampled_environments
from tests.scripted_model import Reply, ScriptedModel, fail, use

from stepherd.logins.kinds import login_kind
from stepherd.logins.login import Login, Registration, Token
from stepherd.logins.opening import open_location
from stepherd.services.store.opening import open_store

pytestmark = pytest.mark.exhaustive

KEY = "canary-Zp4Ls9Tn2Kq7Xw"
OTHER = "canary-Rb6Md1Jf8Vc3Hy"
FILES = {"hello.txt": "hello\n"}
COMMON = {
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM", "CI", "NO_COLOR", "PWD", "OLDPWD", "SHLVL", "_"),
    *("GIT_TERMINAL_PROMPT", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME"),
    *("GIT_COMMITTER_EMAIL", "STEPHERD_RUN_ID", "STEPHERD_INSTRUCTIONS", "STEPHERD_TASK"),
}
ODD = 'c&<"/+\'"'
SHOW = "env | cut -d= -f1 | sort > names.txt; echo key=$CODEX_API_KEY$ANTHROPIC_API_KEY; env | base64 -w0"
OF_Q = {"Q_DISABLE_TELEMETRY"}
OF_KIRO = {"KIRO_API_KEY", "KIRO_DISABLE_TELEMETRY", "KIRO_NO_AUTO_UPDATE"}


def _nowhere(place: Place, command_lines: set[bytes], *canaries: str) -> None:
    place.history()
    no_canary(place, *canaries)
    assert command_lines
    assert not [line for line in command_lines for canary in canaries if canary.encode() in line]


@pytest.mark.parametrize("fails", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_claude_s_key_shows_up_nowhere_though_it_prints_it(
    place: Place, require: Callable[[str], str], fails: bool
) -> None:
    require("claude")
    show = (
        "env | cut -d= -f1 | sort > names.txt; echo key=$ANTHROPIC_API_KEY; echo $ANTHROPIC_API_KEY | base64"
    )
    script = [use("Bash", command=show), *([fail(400)] if fails else [])]
    with ScriptedModel.serve(*script) as model, sampled_command_lines() as command_lines:
        given = {"MY_KEYS": json.dumps(model.credentials(KEY)), "OTHER_SECRET": OTHER}
        done = place.run(None, "--agent", "claude", "--agent-credentials", "env:MY_KEYS", **given)
    # THEN it worked with the key
    assert done.json["status"] == ("FAILED" if fails else "SUCCEEDED")
    assert {call.credential for call in model.calls} == {KEY}
    assert KEY in json.dumps(model.calls[-1].body), "the agent has seen its key"
    # AND nothing else has
    _nowhere(place, command_lines, KEY, OTHER)
    names = set(place.origin.show("stepherd/run_1", "names.txt").split())
    assert {"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"} <= names
    ours = {
        name
        for name in names - COMMON
        if not name.startswith(("CLAUDE", "ANTHROPIC", "DISABLE_", "AI_AGENT"))
    }
    assert ours <= {
        "IS_SANDBOX",
        "SHELL",
        "COREPACK_ENABLE_AUTO_PIN",
        "NoDefaultCurrentDirectoryInExePath",
        "GIT_EDITOR",
    }


def test_kiro_s_key_is_found_in_the_environment_of_who_starts_the_run(place: Place) -> None:
    fake = install(place.root / "bin", "kiro-cli", files=FILES)
    place.environment["PATH"] = f"{fake.folder}:{place.environment['PATH']}"
    with sampled_command_lines() as command_lines:
        done = place.run(None, "--agent", "kiro", KIRO_API_KEY=KEY, ANTHROPIC_API_KEY=OTHER)
    assert done.ok().json["status"] == "SUCCEEDED"
    (start,) = fake.starts()
    assert start["environment"]["KIRO_API_KEY"] == KEY
    assert set(start["environment"]) - COMMON == OF_KIRO
    _nowhere(place, command_lines, KEY, OTHER)


def test_kiro_is_started_as_the_environment_of_who_starts_the_run_says(place: Place) -> None:
    fake = install(place.root / "bin", "kiro-cli", files=FILES, version="2.24.1")
    place.environment["PATH"] = f"{fake.folder}:{place.environment['PATH']}"
    said = {"STEPHERD_KIRO_ENGINE": "v3", "STEPHERD_KIRO_OUTPUT": "text"}
    done = place.run(None, "--agent", "kiro", KIRO_API_KEY=KEY, **said)
    assert done.ok().json["status"] == "SUCCEEDED"
    (start,) = fake.starts()
    assert {"--v3", "--wrap=never"} < set(start["argv"])


def test_q_works_with_the_login_that_is_kept_and_nothing_of_it_is_shown(place: Place) -> None:
    # GIVEN a login in the store
    fake = install(place.root / "bin", "q", files=FILES)
    kind, now = login_kind("q"), datetime.now(UTC)
    token = Token(KEY, now + timedelta(hours=2), OTHER, "us-east-1", None, "DeviceCode", kind.scopes)
    client = Registration(
        "client", f"{KEY}-client", now + timedelta(days=9), "us-east-1", "DeviceCode", kind.scopes
    )
    store = open_store(str(place.home / "store"))
    open_location(kind, None, store).save(Login(kind, token, client), None)
    kept = store.get("logins/q/data.sqlite3").body
    # WHEN
    place.environment["PATH"] = f"{fake.folder}:{place.environment['PATH']}"
    with sampled_command_lines() as command_lines:
        assert place.run(None, "--agent", "q").ok().json["status"] == "SUCCEEDED"
    # THEN
    assert place.origin.show("stepherd/run_1", "hello.txt") == "hello"
    (start,) = fake.starts()
    assert set(start["environment"]) - COMMON == OF_Q
    # AND beside its own place the login is nowhere
    assert KEY.encode() in kept
    store.delete("logins/q/data.sqlite3")
    _nowhere(place, command_lines, KEY, OTHER)


def test_a_failed_turn_of_q_is_no_success_though_it_exits_with_0(place: Place) -> None:
    fake = install(place.root / "bin", "q", does="throttled")
    secret = place.root / "aws.json"
    secret.write_text(json.dumps({"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": KEY}))
    given: dict[str, Any] = {"agent": "q", "agent_credentials": f"file:{secret}"}
    with Inside.at(place, PATH=f"{fake.folder}:{place.environment['PATH']}") as inside:
        assert inside.run(**given) == "FAILED"
    result = place.folder().read_result("agent")
    assert result is not None
    assert result.error is not None
    assert "rate limit" in result.error.message
    assert result.facts["agent"]["exit_code"] == 0
    no_canary(place, KEY)


@pytest.mark.parametrize("fails", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize(
    ("agent", "use_shell", "more"),
    [
        pytest.param("codex", use("exec_command", cmd=SHOW), ["--model", "scripted"], id="codex"),
        pytest.param(
            *("opencode", use("bash", command=SHOW, description="d"), []),
            id="opencode",
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_the_real_one_s_key_shows_up_nowhere_though_it_prints_it(
    place: Place, require: Callable[[str], str], agent: str, use_shell: Reply, more: list[str], fails: bool
) -> None:
    require(agent)
    canary = _canary()
    secret = place.root / "secret.json"
    script = [use_shell, *([fail(400)] if fails else [])]
    with ScriptedModel.serve(*script) as model, sampled_environments() as environments:
        secret.write_text(json.dumps(model.credentials(canary, agent)))
        with sampled_command_lines() as command_lines:
            done = place.run(None, "--agent", agent, "--agent-credentials", f"file:{secret}", *more)
    # THEN it worked with the key, and has seen it
    assert done.json["status"] == ("FAILED" if fails else "SUCCEEDED")
    assert {call.credential for call in model.calls} == {canary}
    assert f"key={canary}" in json.dumps(model.calls[-1].body)
    # AND nothing else has
    _nowhere(place, command_lines, canary)
    _in_the_agent_s_alone(environments, canary)
    names = set(place.origin.show("stepherd/run_1", "names.txt").split())
    key, base_url = model.credentials(canary, agent)
    assert {key, base_url} <= names
    ours = {name for name in names - COMMON - {key, base_url} if not name.startswith(OF_REAL[agent])}
    assert ours <= {
        "AGENT",
        "COLORTERM",
        "GH_PAGER",
        "GIT_PAGER",
        "LC_CTYPE",
        "PAGER",
        "npm_config_user_agent",
    }


OF_REAL = {"codex": "CODEX_", "opencode": "OPENCODE"}
KEY_NAMES = {"codex": "CODEX_API_KEY", "opencode": "OPENAI_API_KEY"}


@pytest.mark.parametrize("agent", KEY_NAMES)
def test_a_key_that_is_printed_in_every_encoding_is_nowhere_but_where_it_works(
    place: Place, agent: str
) -> None:
    # GIVEN an agent that prints its key in errors, messages, tools and on its standard error
    canary, other = ODD + _canary(), _canary()
    gate = place.root / "gate"
    os.mkfifo(gate)
    fake = install(place.root / "bin", agent, does="show", files=FILES, gate=str(gate))
    place.environment["PATH"] = f"{fake.folder}:{place.environment['PATH']}"
    secret = place.root / "secret.json"
    secret.write_text(json.dumps({KEY_NAMES[agent]: canary, "OTHER": other}))
    # WHEN it goes on when it has been seen
    words = place.run_words(None, "--agent", agent, "--agent-credentials", f"file:{secret}")
    with sampled_command_lines() as command_lines, sampled_environments() as environments:
        running = place.start(*words)
        with gate.open("w"):
            while not any(canary.encode() in one for one in list(environments)):
                time.sleep(0.005)  # No event tells when the sample grows.
        done = place.end_of(running)
    assert done.json["status"] == "FAILED"
    # THEN it is masked wherever it was printed
    place.said.append(place.cli("logs", "run_1").ok().out)
    assert place.said[-1].count("***") > 30
    _nowhere(place, command_lines, canary, other)
    # AND it alone had its key, under the name that its CLI reads
    _in_the_agent_s_alone(environments, canary)
    assert not [one for one in environments if other.encode() in one]
    (start,) = fake.starts()
    assert start["environment"][KEY_NAMES[agent]] == canary
    holders = {name for name, value in start["environment"].items() if canary in value}
    assert holders == ({"CODEX_API_KEY"} if agent == "codex" else {"OPENAI_API_KEY"})
    # AND its work is kept as partial work
    assert place.origin.log("stepherd/run_1")[0] == "Partial work: Do the work"


@pytest.mark.parametrize("agent", KEY_NAMES)
def test_a_verify_command_does_not_get_the_agent_s_key(place: Place, agent: str) -> None:
    fake = install(place.root / "bin", agent, files=FILES)
    secret = place.root / "secret.json"
    secret.write_text(json.dumps({KEY_NAMES[agent]: KEY}))
    verify = place.script(f"env > {place.root}/verify.txt")
    place.environment["PATH"] = f"{fake.folder}:{place.environment['PATH']}"
    words = ["--agent", agent, "--agent-credentials", f"file:{secret}", "--verify", verify]
    assert place.run(None, *words).ok().json["status"] == "SUCCEEDED"
    assert "STEPHERD_RUN_ID=run_1" in place.lines("verify.txt")
    assert not [line for line in place.lines("verify.txt") if KEY in line]


def _in_the_agent_s_alone(environments: set[bytes], canary: str) -> None:
    holders = [one for one in environments if canary.encode() in one]
    assert holders
    assert not [one for one in holders if b"STEPHERD_INSTRUCTIONS=" not in one]


def _canary() -> str:
    """Of this test alone: others run at the same time, whose processes are seen, too."""
    return f"canary-{uuid4().hex}"


def test_a_command_gets_the_variables_that_are_given_and_its_secret_shows_up_nowhere(place: Place) -> None:
    (place.root / "my.env").write_text("FROM_FILE='a b'\nHERE\n")
    (place.root / "key.json").write_text(json.dumps({"OF_FILE": OTHER, "more": "else"}))
    show = 'test "$PLAIN/$FROM_FILE/$HERE" = "1=1/a b/ours" && echo "$MY_KEY $OF_FILE"'
    command = f"sh -c '{show} && env | cut -d= -f1 | sort > names.txt'"
    verify = f"sh -c '{show}'".replace("'test", "'test").replace("&& echo", "&& echo verified")
    with sampled_command_lines() as command_lines:
        done = place.run(
            command, "--env", "PLAIN=1=1", "--env-file", str(place.root / "my.env"), "--secret", "MY_KEY",
            "--secret", f"OF_FILE=file:{place.root / 'key.json'}", "--verify", verify, "--verify-required",
            MY_KEY=KEY, HERE="ours", HTTPS_PROXY="http://me:canary-Xy7Wv2Ut5Sr9@127.0.0.1:9",
        )  # fmt: skip
    # THEN the agent and the verify command had them all
    assert done.json["status"] == "SUCCEEDED", done.err
    assert done.json["verify"]["status"] == "passed"
    names = set(place.origin.show("stepherd/run_1", "names.txt").split())
    assert names - COMMON == {"PLAIN", "FROM_FILE", "HERE", "MY_KEY", "OF_FILE", "HTTPS_PROXY"}
    # AND the secrets are masked wherever they were printed
    assert "***" in place.cli("logs", "run_1").ok().out
    _nowhere(place, command_lines, KEY, OTHER, "canary-Xy7Wv2Ut5Sr9")


def test_a_secret_that_is_written_into_a_file_is_not_pushed(place: Place) -> None:
    done = place.run("sh -c 'echo $MY_KEY > leaked.txt; echo x > good.txt'", "--secret", "MY_KEY", MY_KEY=KEY)
    assert [each["path"] for each in done.json["left_out"]] == ["leaked.txt"]
    assert place.origin.show("stepherd/run_1", "good.txt") == "x"
    pushed = git(place.origin.bare, "ls-tree", "-r", "--name-only", "stepherd/run_1").split()
    assert "leaked.txt" not in pushed


def test_a_secret_that_is_not_set_is_said_before_anything_starts(place: Place) -> None:
    done = place.run("true", "--secret", "MY_KEY")
    assert done.code != 0
    assert "MY_KEY" in done.err
    assert place.cli("list", "--json").ok().json["runs"] == []


def test_a_secret_that_cannot_be_masked_is_named_when_the_run_starts(place: Place) -> None:
    done = place.run("true", "--secret", "PIN", "--secret", "MY_KEY", PIN="1234", MY_KEY=KEY).ok()
    assert "PIN is too short or too common to be masked" in done.err
    assert "MY_KEY" not in done.err
