"""78, 87 for agents: an agent's key is in its environment alone, and nothing else is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.e2e.aftermath import no_canary
from tests.e2e.inside import Inside
from tests.e2e.place import Place
from tests.fakes.install import install
from tests.processes import sampled_command_lines
from tests.scripted_model import ScriptedModel, fail, use

from stepherd.logins.kinds import login_kind
from stepherd.logins.login import Login, Registration, Token
from stepherd.logins.place import open_place
from stepherd.services import open_store

KEY = "canary-Zp4Ls9Tn2Kq7Xw"
OTHER = "canary-Rb6Md1Jf8Vc3Hy"
FILES = {"hello.txt": "hello\n"}
COMMON = {
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM", "CI", "NO_COLOR", "PWD", "OLDPWD", "SHLVL", "_"),
    *("GIT_TERMINAL_PROMPT", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME"),
    *("GIT_COMMITTER_EMAIL", "STEPHERD_RUN_ID", "STEPHERD_INSTRUCTIONS", "STEPHERD_TASK"),
}
OF_Q = {"Q_DISABLE_TELEMETRY"}
OF_KIRO = {"KIRO_API_KEY", "KIRO_DISABLE_TELEMETRY", "KIRO_NO_AUTO_UPDATE"}


def _nowhere(place: Place, command_lines: set[bytes], *canaries: str) -> None:
    place.history()
    no_canary(place, *canaries)
    assert command_lines
    assert not [line for line in command_lines for canary in canaries if canary.encode() in line]


@pytest.mark.parametrize("fails", [False, True])
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


def test_q_works_with_the_login_that_is_kept_and_nothing_of_it_is_shown(place: Place) -> None:
    # GIVEN a login in the store
    fake = install(place.root / "bin", "q", files=FILES)
    kind, now = login_kind("q"), datetime.now(UTC)
    token = Token(KEY, now + timedelta(hours=2), OTHER, "us-east-1", None, "DeviceCode", kind.scopes)
    client = Registration(
        "client", f"{KEY}-client", now + timedelta(days=9), "us-east-1", "DeviceCode", kind.scopes
    )
    store = open_store(str(place.home / "store"))
    open_place(kind, None, store).save(Login(kind, token, client), None)
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
