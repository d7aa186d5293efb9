"""``kiro-cli``, of which a fake behaves as in facts/q-cli.md 3: it may wait for a person for ever."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.agents.conftest import Trials

from stepherd.errors import ConfigurationError, CredentialsError

FILES = {"hello.txt": "hello\n"}
KEY = {"KIRO_API_KEY": "ksk_canary"}


@pytest.mark.parametrize("version", ["2.24.1", "2.4.2"])
def test_it_works_with_a_key_in_the_form_that_its_version_has(trials: Trials, version: str) -> None:
    trial = trials.of("kiro", files=FILES, version=version)
    outcome = trial.run(KEY)
    assert outcome.status == "succeeded", outcome.error
    (start,) = trial.fake.starts()
    assert ("--output-format=stream-json" in start["argv"]) is (version == "2.24.1")
    assert start["environment"]["KIRO_API_KEY"] == "ksk_canary"
    assert start["settings"]["telemetry.enabled"] is False
    said = [event["text"] for event in trial.told("message") if not event.get("thought")]
    assert said == ["The file is written."]
    if version == "2.4.2":
        assert trial.told("usage") == [{"type": "usage", "credits": 0.39}]
    else:
        tools = [(event["tool"], event["status"]) for event in trial.told("tool_use")]
        assert tools == [("fs_write", "started"), ("fs_write", "succeeded")]


def test_without_any_credential_it_is_refused_before_it_can_hang(trials: Trials) -> None:
    trial = trials.of("kiro")
    with pytest.raises(CredentialsError) as refused:
        trial.run()
    assert refused.value.exit_code == 77
    assert "stepherd login --agent kiro" in refused.value.remedy
    assert trial.fake.starts() == []


def test_a_database_in_which_nobody_is_logged_in_is_refused_too(trials: Trials) -> None:
    trial = trials.of("kiro")
    trial.log_in()
    with closing(sqlite3.connect(trial.database)) as db:
        db.execute("DELETE FROM auth_kv WHERE key = 'kirocli:odic:token'")
        db.commit()
    with pytest.raises(CredentialsError):
        trial.run()
    assert trial.fake.starts() == []


def test_another_way_to_log_in_is_a_login(trials: Trials) -> None:
    trial = trials.of("kiro", files=FILES)
    trial.log_in()
    with closing(sqlite3.connect(trial.database)) as db:
        db.execute("UPDATE auth_kv SET key = 'kirocli:social:token' WHERE key = 'kirocli:odic:token'")
        db.commit()
    trial.run()
    assert len(trial.fake.starts()) == 1


@pytest.mark.parametrize("version", ["2.24.1", "2.4.2"])
def test_one_that_asks_a_person_all_the_same_is_ended_at_once(trials: Trials, version: str) -> None:
    trial = trials.of("kiro", does="ask", version=version)
    trial.log_in()
    outcome = trial.run()
    assert trial.evidence is not None
    assert trial.evidence.seconds < 10
    assert outcome.error is not None
    assert (outcome.error.category, "asked a person" in outcome.error.message) == ("credentials", True)


@pytest.mark.parametrize("version", ["2.24.1", "2.4.2"])
def test_a_key_that_is_refused_exits_with_zero_and_is_a_login_problem(trials: Trials, version: str) -> None:
    trial = trials.of("kiro", files=FILES, version=version)
    outcome = trial.run({"KIRO_API_KEY": "ksk_bad"})
    assert trial.evidence is not None
    assert trial.evidence.exit_code == 0
    assert outcome.error is not None
    assert (outcome.error.category, "KIRO_API_KEY" in outcome.error.remedy) == ("credentials", True)


def test_a_stale_login_does_not_shadow_the_key(trials: Trials) -> None:
    trial = trials.of("kiro", files=FILES, refresh="deny")
    trial.log_in(ends=timedelta(seconds=-5))
    assert trial.run(KEY).status == "succeeded"
    assert not trial.database.exists()


def test_a_refresh_that_stays_in_memory_leaves_the_database_as_it_was(trials: Trials) -> None:
    trial = trials.of("kiro", files=FILES, refresh="memory only", version="1.23.0")
    trial.log_in(ends=timedelta(seconds=-5))
    before = _rows(trial.database)
    assert trial.run().status == "succeeded"
    assert _rows(trial.database) == before


@pytest.mark.parametrize(
    ("does", "version", "words"),
    [
        ("stream error", "2.24.1", "prompt: The service is not available"),
        ("unfinished", "2.24.1", "ended before its run was finished"),
        ("cancelled", "2.24.1", "failed: cancelled"),
        ("trouble", "2.4.2", "having trouble responding"),
        ("silent", "2.4.2", "printed nothing and changed nothing"),
    ],
)
def test_what_is_no_success_is_a_failure(trials: Trials, does: str, version: str, words: str) -> None:
    trial = trials.of("kiro", does=does, version=version)
    outcome = trial.run(KEY)
    assert outcome.error is not None
    assert words in outcome.error.message


def test_one_that_hangs_after_its_end_is_ended_and_has_succeeded(trials: Trials) -> None:
    trial = trials.of("kiro", does="hang", files=FILES)
    assert trial.run(KEY).status == "succeeded"
    assert trial.evidence is not None
    assert trial.evidence.ending == "lingered"


@pytest.mark.parametrize(("said", "streams"), [("text", False), ("stream-json", True)])
def test_configuration_says_which_form_it_prints(
    trials: Trials, monkeypatch: pytest.MonkeyPatch, said: str, streams: bool
) -> None:
    monkeypatch.setenv("STEPHERD_KIRO_OUTPUT", said)
    trial = trials.of("kiro", files=FILES, version="2.24.1")
    assert trial.run(KEY).status == "succeeded"
    assert ("--output-format=stream-json" in trial.fake.starts()[0]["argv"]) is streams
    monkeypatch.setenv("STEPHERD_KIRO_OUTPUT", "xml")
    with pytest.raises(ConfigurationError, match="STEPHERD_KIRO_OUTPUT"):
        trial.run(KEY)


def _rows(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT key, value FROM auth_kv ORDER BY key").fetchall()
