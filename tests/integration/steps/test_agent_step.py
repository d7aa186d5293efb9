"""The step with an agent that has everything: credentials, a login, events, a judgement."""

from __future__ import annotations

import base64
import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.integration.steps.rig import Rig, git

from stepherd.logins.database import read_login, write_login
from stepherd.logins.kinds import login_kind
from stepherd.logins.login import Login, Token
from stepherd.runs.report import build_report, write_report

KEY = "cAn4ry-key-0123456789"
TOKEN = "cAn4ry-access-token-0123456789"
REFRESH = "cAn4ry-refresh-token-0123456789"


@pytest.fixture
def rig(tester_rig: Rig) -> Rig:
    return tester_rig


def _step(rig: Rig, **environment: str) -> Any:
    return rig.step("agent", STEPHERD_WORK_FOLDER=str(rig.root / "tmp"), **environment)


def _everything(rig: Rig) -> str:
    """All that is in the run folder but the clone, the bundle and what is private."""
    shown = [info.key for info in rig.folder.store.list() if info.key.endswith((".json", ".jsonl", ".md"))]
    return "\n".join(rig.folder.store.get(key).body.decode() for key in shown)


def _login_database(rig: Rig) -> str:
    path = rig.root / "logins" / "data.sqlite3"
    path.parent.mkdir()
    token = Token(TOKEN, datetime(2027, 1, 1, tzinfo=UTC), REFRESH, "us-east-1", None, "DeviceCode", None)
    write_login(path, Login(login_kind("q"), token, None, None))
    return str(path)


@pytest.mark.parametrize(
    ("reference", "secret", "variables"),
    [
        ("env:ANYTHING", KEY, {"TESTER_KEY": KEY}),
        ("env:TESTER_OTHER", KEY, {"TESTER_OTHER": KEY}),
        ("env:ANYTHING", json.dumps({"TESTER_OTHER": KEY, "AWS_SECRET": KEY}), {"TESTER_OTHER": KEY}),
    ],
)
def test_the_agent_gets_its_credentials_and_no_other_process_does(
    rig: Rig, reference: str, secret: str, variables: dict[str, str]
) -> None:
    seen = rig.root / "seen"
    rig.tester(f"env > {seen}", agent_credentials=reference, verify=f"sh -c 'env > {seen}-verify'")
    assert _step(rig, **{reference.removeprefix("env:"): secret}).returncode == 0
    got = dict(line.partition("=")[::2] for line in seen.read_text().splitlines())
    assert {name: value for name, value in got.items() if KEY in value} == variables
    assert KEY not in (rig.root / "seen-verify").read_text()


def test_the_engine_s_reference_and_the_default_are_used_in_this_order(rig: Rig) -> None:
    seen = rig.root / "seen"
    rig.tester(f"echo $TESTER_KEY >> {seen}; exit 1")
    both = {"STEPHERD_AGENT_CREDENTIALS": "env:FIRST", "AGENT_CREDENTIALS_SECRET_ID": "env:SECOND"}
    _step(rig, FIRST="first-of-all", SECOND="second-of-all", **both)
    both["STEPHERD_AGENT_CREDENTIALS"] = ""
    _step(rig, FIRST="first-of-all", SECOND="second-of-all", STEPHERD_ATTEMPT="1.0", **both)
    _step(rig, STEPHERD_ATTEMPT="2.0", **both)
    assert seen.read_text().split("\n") == ["first-of-all", "second-of-all", "", ""]


@pytest.mark.parametrize("secret", [None, json.dumps({"OTHER": "something-else"})])
def test_credentials_that_were_asked_for_and_are_not_there_are_said(rig: Rig, secret: str | None) -> None:
    rig.tester("true", agent_credentials="env:KEYS")
    assert _step(rig, **({"KEYS": secret} if secret else {})).returncode == 77
    error = rig.result("agent").error
    assert error is not None
    assert "TESTER_KEY" in error.remedy or "'KEYS'" in error.message


def test_secrets_are_masked_wherever_anything_is_shown_or_stored(rig: Rig) -> None:
    encoded = base64.b64encode(f"user:{KEY}".encode()).decode()
    script = f"""
echo "raw $TESTER_KEY"; echo "other {encoded}" >&2
printf '%s\\n' '{{"type": "message", "text": "my key is {encoded[:20]}\\n  {encoded[20:]}"}}'
printf '%s' '{KEY[:10]}'; sleep 0.3; printf '%s\\n' '{KEY[10:]}'
echo {KEY} > file.txt; echo {TOKEN} {REFRESH}
exit 3
"""
    rig.tester(script, agent_credentials="env:TESTER_KEY")
    done = _step(rig, TESTER_KEY=KEY, STEPHERD_LOGIN=_login_database(rig))
    assert done.returncode == 1
    write_report(rig.folder, rig.run_id, failure={"state": "RunAgent", "error": "States.TaskFailed"})
    for text in (done.stdout, done.stderr, _everything(rig)):
        assert "cAn4ry" not in text
        assert encoded not in text
    assert done.stdout.count("***") >= 5
    error = rig.result("agent").error
    assert error is not None
    assert "***" in error.message
    rig.steps("push")
    assert rig.branches().keys() == {"main"}, "files are never touched, so they are not pushed"


def test_a_base_that_reads_like_a_secret_can_still_be_pushed_to(rig: Rig) -> None:
    git(rig.remote, "branch", KEY, "main")
    rig.tester("echo new > new.txt", base=KEY, agent_credentials="env:TESTER_KEY")
    assert _step(rig, TESTER_KEY=KEY).returncode == 0
    assert rig.result("agent").facts["base_ref"] == KEY
    rig.steps("push")
    assert "stepherd/run_1" in rig.branches()


def test_a_refusal_before_the_start_is_told_and_masked(rig: Rig) -> None:
    rig.tester("true", name="refuse.sh", agent_credentials="env:TESTER_KEY")
    assert _step(rig, TESTER_KEY=KEY).returncode == 77
    error = rig.result("agent").error
    assert error is not None
    assert error.message == "There is no login, but ***."
    assert [event["type"] for event in rig.events()] == ["finished"]


def test_the_login_is_in_its_place_and_what_the_agent_leaves_is_kept(rig: Rig) -> None:
    database = "$HOME/.local/share/amazon-q/data.sqlite3"
    python = f"import sqlite3,os; c=sqlite3.connect(os.path.expandvars('{database}')); "
    python += (
        "c.execute('pragma journal_mode=wal'); c.execute('create table more(x)'); c.commit(); os._exit(0)"
    )
    rig.tester(f'stat -c %a {database}; python3 -c "{python}"')
    done = _step(rig, STEPHERD_LOGIN=_login_database(rig))
    assert done.stdout.split() == ["600"], done.stderr
    copy = rig.root / "copy.sqlite3"
    rig.folder.store.download("agent/database.sqlite3", copy)
    login = read_login(copy, login_kind("q"))
    assert login.token is not None
    assert login.token.refresh_token == REFRESH
    with sqlite3.connect(copy) as connection:
        assert connection.execute("select name from sqlite_master where name = 'more'").fetchall() == [
            ("more",)
        ]
    connection.close()


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "damage",
    [
        ": > $F",
        "echo nonsense > $F",
        "rm $F",
        "rm $F; ln -s /etc/passwd $F",
        "mv $HOME/.local /tmp/$$; ln -s /tmp/$$ $HOME/.local",
        "rm $F; mkfifo $F",
        "ln -s /etc/passwd $F-wal",
    ],
)
def test_a_login_that_the_agent_damaged_is_noted_and_not_kept(rig: Rig, damage: str) -> None:
    script = f"F=$HOME/.local/share/amazon-q/data.sqlite3; {damage.replace('/tmp/', str(rig.root) + '/')}"
    rig.tester(f"{script}; echo new > new.txt")
    done = _step(rig, STEPHERD_LOGIN=_login_database(rig))
    assert done.returncode == 0, done.stderr
    assert not rig.folder.store.exists("agent/database.sqlite3")
    facts = rig.result("agent").facts
    assert facts["note"].startswith("The agent's login database is not kept: ")
    assert facts["totals"]["files"] == 1
    assert facts["note"] in build_report(rig.folder, rig.run_id).notes


def test_events_usage_and_words_come_to_the_result_the_report_and_the_log(rig: Rig) -> None:
    lines = [
        {"type": "message", "text": "I look."},
        {"type": "tool_use", "tool": "Bash", "id": "1", "input": "npm test"},
        {"type": "tool_use", "tool": "Bash", "id": "1", "status": "failed", "output": "exit code 1"},
        {"type": "retry", "reason": "529 overloaded", "attempt": 1, "most": 10},
        {"type": "usage", "turns": 2, "input_tokens": 1200, "output_tokens": 34, "cost_usd": 0.0421},
        {"type": "message", "text": "All is *done*."},
    ]
    script = "\n".join(f"printf '%s\\n' '{json.dumps(line)}'" for line in lines)
    rig.tester(f"{script}\necho left > new.txt\necho plain")
    done = _step(rig)
    assert done.stdout.splitlines() == [
        "I look.",
        "> Bash: npm test",
        "! Bash failed: exit code 1",
        "! Trying again (try 1 of 10): 529 overloaded",
        "All is *done*.",
        "plain",
        "# Used 2 turns, 1,200 tokens in, 34 out, 0.0421 USD",
    ]
    assert [event["type"] for event in rig.events()] == [
        "started",
        *(line["type"] for line in lines),
        "output",
        "file_changed",
        "finished",
    ]
    facts = rig.result("agent").facts["agent"]
    assert facts["usage"] == {"turns": 2, "input_tokens": 1200, "output_tokens": 34, "cost_usd": 0.0421}
    assert facts["said"] == "All is *done*."
    assert facts["details"] == {"turns": 2}
    rig.steps("push")
    report = write_report(rig.folder, rig.run_id)
    assert report.usage == facts["usage"]
    page = rig.folder.store.get("report.md").body.decode()
    assert "| Used | 2 turns, 1,200 tokens in, 34 out, 0.0421 USD |" in page
    assert "All is \\*done\\*." in page


@pytest.mark.parametrize("broken", ["reader", "judge"])
def test_an_internal_error_loses_no_work(rig: Rig, broken: str) -> None:
    stumble = """echo '{"stumble": 1}'""" if broken == "reader" else "true"
    rig.tester(f"{stumble}; echo new > new.txt")
    done = _step(rig, TESTER_JUDGE="broken" if broken == "judge" else "")
    assert done.returncode == 70
    result = rig.result("agent")
    assert result.error is not None
    assert "could not be judged" in result.error.message
    assert result.facts["bundle"]
    rig.steps("push")
    assert rig.result("push").facts["partial"]


def test_turns_and_money_have_limits(rig: Rig) -> None:
    rig.tester("""echo '{"type": "usage", "turns": 9}'; exec sleep 60""", max_turns=5)
    assert _step(rig).returncode == 1
    assert rig.result("agent").facts["agent"]["ending"] == "turns"
    assert [event["name"] for event in rig.events() if event["type"] == "limit"] == ["turns"]


def test_who_is_done_and_stays_is_ended_and_judged(rig: Rig) -> None:
    rig.tester("""trap 'exit 0' INT; echo '{"done": 1}'; while :; do sleep 0.1; done""")
    assert _step(rig, STEPHERD_LINGER_SECONDS="0.5").returncode == 0
    assert rig.result("agent").facts["agent"]["ending"] == "lingered"
