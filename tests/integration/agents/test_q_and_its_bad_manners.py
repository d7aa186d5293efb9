"""``q``, of which a fake behaves as in facts/q-cli.md 3: judged from evidence, not by exit code 0."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from tests.fakes.fake_cli import open_database
from tests.integration.agents.conftest import Trials

from stepherd.agents.supervisor import StopRequest
from stepherd.errors import CredentialsError

FILES = {"hello.txt": "hello\n"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "canary-secret"}


def test_it_works_with_a_login_quietly_and_takes_its_prompt_on_stdin(trials: Trials) -> None:
    trial = trials.of("q", files=FILES)
    trial.log_in()
    assert trial.run(model="claude-sonnet-4").status == "succeeded"
    (start,) = trial.fake.starts()
    assert start["argv"] == [
        *("chat", "--no-interactive", "--trust-all-tools", "--wrap=never", "--model=claude-sonnet-4")
    ]
    assert "# Do the work" in start["prompt"]
    assert "agent: q" not in start["prompt"]
    assert start["settings"]["chat.greeting.enabled"] is False
    assert start["settings"]["telemetry.enabled"] is False
    # AND its words are told without colours, its tools as tools
    said = [event["text"] for event in trial.told("message")]
    assert said[-1] == "The file is written."
    tools = [(event["tool"], event["status"]) for event in trial.told("tool_use")]
    assert tools == [("fs_write", "started"), ("fs_write", "succeeded")]
    assert not any("\x1b" in str(event.to_json()) for event in trial.events)


@pytest.mark.parametrize("name", ["q", "kiro"])
def test_on_macos_login_and_settings_are_where_it_looks_there(
    trials: Trials, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("stepherd.logins.kinds.system", lambda: "darwin")
    trial = trials.of(name, files=FILES, system="darwin")
    trial.log_in()
    assert "Library/Application Support" in str(trial.database)
    outcome = trial.run()
    assert outcome.status == "succeeded", outcome.error
    assert trial.fake.starts()[0]["settings"]["telemetry.enabled"] is False
    assert not (trial.home / ".local").exists()


@pytest.mark.parametrize(
    ("does", "category", "words"),
    [
        ("throttled", "agent", "limit of the service: Amazon Q rate limit reached: Request quota"),
        ("monthly", "agent", "limit of the service: Monthly request limit reached"),
        ("trouble", "agent", "having trouble responding right now: 0: unhandled error"),
        ("overloaded", "agent", "temporarily unavailable"),
        ("expired", "credentials", "could not log in"),
        ("silent", "agent", "printed nothing and changed nothing"),
    ],
)
def test_exit_code_zero_is_a_failure_when_it_says_so(
    trials: Trials, does: str, category: str, words: str
) -> None:
    trial = trials.of("q", does=does, files=FILES)
    trial.log_in()
    outcome = trial.run()
    assert trial.evidence is not None
    assert trial.evidence.exit_code == 0
    assert outcome.error is not None
    assert (outcome.status, outcome.error.category) == ("failed", category)
    assert words in outcome.error.message
    if category == "credentials":
        assert "stepherd login --agent q --force" in outcome.error.remedy


def test_an_answer_that_quotes_errors_is_no_error(trials: Trials) -> None:
    trial = trials.of("q", does="quote")
    trial.log_in()
    assert trial.run().status == "succeeded"


def test_an_unknown_model_fails_in_its_own_words(trials: Trials) -> None:
    trial = trials.of("q")
    trial.log_in()
    outcome = trial.run(model="gpt")
    assert outcome.error is not None
    assert "Available models: claude-sonnet-4" in outcome.error.message


def test_with_keys_an_unknown_model_may_exist_all_the_same(trials: Trials) -> None:
    trial = trials.of("q", files=FILES)
    outcome = trial.run(KEYS, model="claude-opus-5")
    assert outcome.error is not None
    assert "Available models: claude-sonnet-4" in outcome.error.message
    assert "With AWS keys, q cannot ask for the list" in outcome.error.remedy
    assert trial.run(KEYS, model="claude-sonnet-4").status == "succeeded"


def test_without_a_login_it_is_refused_before_it_starts(trials: Trials) -> None:
    trial = trials.of("q")
    with pytest.raises(CredentialsError) as refused:
        trial.run()
    assert (refused.value.exit_code, "stepherd login --agent q" in refused.value.remedy) == (77, True)
    assert trial.fake.starts() == []


def test_aws_credentials_stand_in_for_a_login_and_half_of_them_do_not(trials: Trials) -> None:
    trial = trials.of("q", files=FILES)
    with pytest.raises(CredentialsError, match="AWS_SECRET_ACCESS_KEY"):
        trial.run({"AWS_ACCESS_KEY_ID": "AKID"})
    assert trial.run(KEYS).status == "succeeded"
    assert trial.fake.starts()[0]["environment"]["AMAZON_Q_SIGV4"] == "1"


@pytest.mark.parametrize(
    ("refresh", "status", "row"),
    [("rotate", "succeeded", "renewed-refresh"), ("deny", "failed", None), ("server error", "failed", None)],
)
def test_it_renews_its_login_by_itself_or_loses_it(
    trials: Trials, refresh: str, status: str, row: str | None
) -> None:
    trial = trials.of("q", files=FILES, refresh=refresh)
    trial.log_in(ends=timedelta(seconds=-5))
    outcome = trial.run()
    assert outcome.status == status
    if outcome.error is not None:
        assert outcome.error.category == "credentials"
    with closing(sqlite3.connect(trial.database)) as db:
        found = db.execute("SELECT value FROM auth_kv WHERE key = 'codewhisperer:odic:token'").fetchone()
    assert (found is None) if row is None else row in found[0]


@pytest.mark.parametrize("name", ["q", "kiro"])
def test_a_database_of_ours_opens_by_the_agent_s_own_schema_rules(trials: Trials, name: str) -> None:
    trial = trials.of(name)
    trial.log_in()
    with closing(open_database(trial.database)) as db:
        assert [row[0] for row in db.execute("SELECT version FROM migrations ORDER BY version")] == [
            *range(8)
        ]
        db.execute("DELETE FROM migrations WHERE version = 5")
        db.commit()
    # AND one without a row for a table that it has does not
    with pytest.raises(sqlite3.OperationalError, match="auth_kv already exists"):
        open_database(trial.database)


def test_one_that_is_interrupted_exits_with_zero_and_is_interrupted(trials: Trials) -> None:
    trial = trials.of("q", does="hang")
    trial.log_in()
    stop = StopRequest()
    stop.ask()
    assert trial.run(stop=stop).status == "interrupted"
