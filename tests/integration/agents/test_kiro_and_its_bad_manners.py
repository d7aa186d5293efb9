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
    assert trial.told("usage") == [{"type": "usage", "credits": 0.39 if version == "2.4.2" else 0.25}]
    if version != "2.4.2":
        tools = [(event["tool"], event["status"]) for event in trial.told("tool_use")]
        assert tools == [("fs_write", "started"), ("fs_write", "succeeded")]


@pytest.mark.parametrize(
    ("version", "engine", "words"),
    [
        ("2.4.2", "v1", []),
        ("2.7.0", "v2", ["--agent-engine=v2"]),
        ("2.21.3", "v2", ["--agent-engine=v2"]),
        ("2.21.4", "v2", ["--v2"]),
        ("2.29.0", "v2", ["--v2"]),
        ("3.0.1", "v3", ["--v3"]),
    ],
)
def test_an_engine_is_named_that_takes_a_token_of_identity_center(
    trials: Trials, version: str, engine: str, words: list[str]
) -> None:
    trial = trials.of("kiro", files=FILES, version=version)
    trial.log_in(start_url="https://example.awsapps.com/start")
    outcome = trial.run()
    assert outcome.status == "succeeded", outcome.error
    assert trial.fake.notes()["engine"] == engine
    (start,) = trial.fake.starts()
    assert [word for word in start["argv"] if word.startswith(("--agent-engine", "--v"))] == words


@pytest.mark.parametrize("version", ["2.14.0", "2.24.1"])
def test_one_that_ends_in_silence_has_failed_whatever_files_there_are(
    trials: Trials, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("STEPHERD_KIRO_ENGINE", "v1")
    trial = trials.of("kiro", files=FILES, version=version)
    trial.log_in(start_url="https://example.awsapps.com/start")
    (trial.root / "workspace/of-an-earlier-attempt.txt").write_text("")
    outcome = trial.run()
    assert trial.evidence is not None
    assert (trial.evidence.exit_code, trial.evidence.changed_files) == (0, 1)
    assert outcome.error is not None
    assert "printed nothing" in outcome.error.message
    assert "stepherd login --agent kiro --force" in outcome.error.remedy


@pytest.mark.parametrize(
    ("version", "engine", "flag"),
    [
        ("2.4.2", "", True),
        ("2.7.0", "", False),
        ("2.21.4", "", False),
        ("2.24.1", "", False),
        ("2.24.1", "v3", True),
        ("3.0.1", "", True),
    ],
)
def test_the_model_that_is_asked_for_is_the_one_it_works_with(
    trials: Trials, monkeypatch: pytest.MonkeyPatch, version: str, engine: str, flag: bool
) -> None:
    monkeypatch.setenv("STEPHERD_KIRO_ENGINE", engine)
    trial = trials.of("kiro", files=FILES, version=version)
    outcome = trial.run(KEY, model="claude-sonnet-4.5")
    assert outcome.status == "succeeded", outcome.error
    assert trial.fake.notes()["model"] == "claude-sonnet-4.5"
    (start,) = trial.fake.starts()
    assert ("--model=claude-sonnet-4.5" in start["argv"]) is flag
    assert start["settings"]["chat.defaultModel"] == "claude-sonnet-4.5"


@pytest.mark.parametrize("version", ["2.24.1", "2.4.2", "3.0.1"])
def test_a_model_that_it_cannot_set_is_a_failure_though_it_finishes_with_another(
    trials: Trials, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    if version == "2.24.1":
        monkeypatch.setenv("STEPHERD_KIRO_ENGINE", "v3")
    trial = trials.of("kiro", files=FILES, version=version, no_model=True)
    outcome = trial.run(KEY, model="claude-opus-4.8")
    assert trial.fake.notes()["model"] == "auto"
    assert outcome.error is not None
    assert outcome.error.category == "agent"
    assert "did not use the model 'claude-opus-4.8': [warn] failed to set model" in outcome.error.message
    assert "--model" in outcome.error.remedy


def test_without_a_model_that_warning_means_nothing(trials: Trials) -> None:
    trial = trials.of("kiro", files=FILES, no_model=True)
    assert trial.run(KEY).status == "succeeded"
    (start,) = trial.fake.starts()
    assert "chat.defaultModel" not in start["settings"]


@pytest.mark.parametrize(
    ("does", "category", "words", "remedy"),
    [
        (
            "login error",
            "credentials",
            "could not log in: prompt: Authentication failed",
            "login --agent kiro --force",
        ),
        ("quota error", "agent", "limit of the service: prompt: You have reached the limit", "Wait until"),
        ("unstarted error", "agent", "failed: startup: The engine could not be started", "logs"),
    ],
)
def test_an_error_in_the_stream_has_an_outcome_of_its_kind(
    trials: Trials, does: str, category: str, words: str, remedy: str
) -> None:
    trial = trials.of("kiro", does=does, files=FILES)
    trial.log_in()
    outcome = trial.run()
    assert outcome.error is not None
    assert outcome.error.category == category
    assert words in outcome.error.message
    assert remedy in outcome.error.remedy


@pytest.mark.parametrize("version", ["2.24.1", "2.4.2"])
def test_what_is_muttered_on_stderr_does_not_overrule_a_finished_run(trials: Trials, version: str) -> None:
    trial = trials.of("kiro", does="mutters", files=FILES, version=version)
    trial.log_in()
    assert trial.run().status == "succeeded"


def test_the_credits_of_all_turns_are_its_usage(trials: Trials) -> None:
    trial = trials.of("kiro", does="two turns", files=FILES)
    assert trial.run(KEY).status == "succeeded"
    assert trial.told("usage")[-1] == {"type": "usage", "credits": 0.5}


def test_a_version_with_other_flags_says_how_to_leave_ours_out(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPHERD_KIRO_ENGINE", "v2")
    trial = trials.of("kiro", files=FILES, version="2.4.2")
    outcome = trial.run(KEY)
    assert outcome.error is not None
    assert "unexpected argument '--agent-engine'" in outcome.error.message
    assert "STEPHERD_KIRO_ENGINE=default" in outcome.error.remedy
    monkeypatch.setenv("STEPHERD_KIRO_ENGINE", "default")
    assert trial.run(KEY).status == "succeeded"
    monkeypatch.setenv("STEPHERD_KIRO_ENGINE", "v9")
    with pytest.raises(ConfigurationError, match="STEPHERD_KIRO_ENGINE"):
        trial.run(KEY)


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
        ("silent", "2.4.2", "printed nothing"),
        ("silent", "2.24.1", "printed nothing"),
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
