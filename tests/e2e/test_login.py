"""A run that stops for a person's login and goes on, on the real engine with a real identity provider."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.aftermath import entered_states, one_terminal_status, processes_of
from tests.e2e.gate import Gate
from tests.e2e.inside import Inside
from tests.e2e.lender import Lender, holders_of, login_executions, states_of, wait_until
from tests.e2e.place import ROOT


@pytest.fixture
def lender(tmp_path: Path) -> Iterator[Lender]:
    with Lender.at(tmp_path / "place") as made:
        yield made


def test_a_run_stops_for_a_login_and_the_same_execution_goes_on(lender: Lender) -> None:
    with lender.inside() as inside:
        # WHEN a run needs a login that no one has given
        inside.start("run_1", **lender.request())
        inside.meanwhile(lender.await_polls)
        # THEN it waits, and a person is told where to go and nothing else
        (execution,) = login_executions(inside)
        assert states_of(inside, execution)[-1] == "AwaitLoginApproval"
        (notice,) = lender.notices()
        code = lender.await_notice()
        assert f"Open: {lender.provider.url}/device?user_code={code}" in notice["text"]
        assert "run_1" in notice["text"]
        assert not [s for s in lender.secrets() if s in str(notice)]
        assert "token" not in str(notice).lower()
        # WHEN the person approves
        lender.approve()
        # THEN the same execution ends well
        assert inside.ended("run_1") == "SUCCEEDED"
        assert [e.status for e in login_executions(inside)] == ["SUCCEEDED"]
        assert lender.statuses() == ["asked", "approved"]
        one_terminal_status(lender.place, "run_1", "SUCCEEDED")
        assert lender.provider.knows(lender.stored().token.access_token)  # type: ignore[union-attr]
        # AND the next run asks no one
        assert inside.run("run_2", **lender.request()) == "SUCCEEDED"
        assert lender.statuses("run_2") == ["valid"]
    assert len(lender.notices()) == 1
    assert len(lender.provider.calls_of("StartDeviceAuthorization")) == 1
    # AND no secret is anywhere but in the private objects beside the login
    assert holders_of(lender.place.home, lender.secrets()) == ["store/logins/q/data.sqlite3"]
    assert entered_states(lender.place, "run_1")[:2] == ["PrepareRun", "Authenticate"]


def test_an_expired_access_token_is_renewed_without_asking(lender: Lender) -> None:
    old = lender.give_login(seconds=-10)
    with lender.inside() as inside:
        assert inside.run("run_1", **lender.request()) == "SUCCEEDED"
    assert lender.notices() == []
    assert lender.statuses() == ["refreshed"]
    assert len(lender.provider.calls_of("CreateToken", "refresh")) == 1
    assert lender.stored().token != old.token


@pytest.mark.exhaustive
def test_two_runs_at_once_share_one_login_in_turns(lender: Lender) -> None:
    """Fails without the lease: both refresh, or the second does not wait."""
    lender.give_login(seconds=-10)
    gate = Gate(lender.place)
    with lender.inside() as inside:
        inside.start("run_1", **lender.request(gate.command))
        inside.meanwhile(gate.await_agent)
        inside.start("run_2", **lender.request())
        inside.meanwhile(lambda: wait_until(lambda: "held" in lender.statuses("run_2"), "waiting run"))
        assert lender.events("run_2")[0]["text"] == "Waiting for the login held by run run_1."
        inside.meanwhile(gate.open)
        assert inside.ended("run_1") == "SUCCEEDED"
        assert inside.ended("run_2") == "SUCCEEDED"
        assert "WaitForHolder" in states_of(inside, login_executions(inside)[1])
    assert lender.statuses("run_1") == ["refreshed"]
    assert lender.statuses("run_2") == ["held", "valid"]
    assert len(lender.provider.calls_of("CreateToken", "refresh")) == 1
    assert lender.notices() == []


@pytest.mark.exhaustive
def test_two_runs_at_once_ask_a_person_once(lender: Lender) -> None:
    with lender.inside() as inside:
        inside.start("run_1", **lender.request())
        inside.start("run_2", **lender.request())
        inside.meanwhile(lender.approve)
        assert [inside.ended("run_1"), inside.ended("run_2")] == ["SUCCEEDED", "SUCCEEDED"]
    assert len(lender.notices()) == 1
    assert len(lender.provider.calls_of("StartDeviceAuthorization")) == 1


@pytest.mark.exhaustive
def test_a_login_that_was_declined_fails_the_run_and_a_redrive_asks_again(lender: Lender) -> None:
    with lender.inside() as inside:
        inside.start("run_1", **lender.request())
        inside.meanwhile(lender.await_notice)
        lender.provider.decline()
        assert inside.ended("run_1") == "FAILED"
        report = lender.place.folder().read_report()
        assert report is not None
        assert report["error"]["state"] == "Authenticate"
        assert "You declined the login of Amazon Q Developer." in report["error"]["message"]
        assert "stepherd redrive run_1" in report["error"]["message"]
        assert lender.statuses() == ["asked", "declined"]
        # WHEN it is redriven, and the person thinks better of it
        inside.redrive("run_1")
        inside.meanwhile(lambda: lender.approve(2))
        assert inside.ended("run_1") == "SUCCEEDED"
        assert [e.error for e in login_executions(inside)] == ["LoginDeclined", None]


@pytest.mark.exhaustive
def test_a_code_that_expires_is_issued_anew_three_times_in_all(lender: Lender) -> None:
    with lender.inside() as inside:
        inside.start("run_1", **lender.request())
        for count in (1, 2, 3):
            inside.meanwhile(lambda count=count: lender.await_notice(count))  # type: ignore[misc]
            lender.provider.expire()
        assert inside.ended("run_1") == "FAILED"
        (execution,) = login_executions(inside)
        assert execution.error == "LoginNotApproved"
    assert len(set(lender.provider.user_codes())) == 3
    assert lender.seen == set(lender.provider.user_codes())
    report = lender.place.folder().read_report()
    assert report is not None
    assert "3 codes have expired" in report["error"]["message"]
    assert "stepherd redrive run_1" in report["error"]["message"]
    assert lender.statuses() == ["asked", "expired"] * 3


@pytest.mark.exhaustive
def test_a_provider_that_is_broken_for_a_while_changes_nothing(lender: Lender) -> None:
    lender.provider.script("RegisterClient", "500", "drop")
    lender.provider.script("StartDeviceAuthorization", "503")
    lender.provider.script("CreateToken", "500", "drop", "garbage", "throttled")
    with lender.inside() as inside:
        inside.start("run_1", **lender.request())
        inside.meanwhile(lender.approve)
        assert inside.ended("run_1") == "SUCCEEDED"
    assert len(lender.notices()) == 1


@pytest.mark.exhaustive
def test_a_login_that_cannot_be_renewed_any_more_is_asked_for_once(lender: Lender) -> None:
    """Fault 50: fails when invalid_grant leads to a loop, or to a failed run."""
    lender.give_login(seconds=-10)
    lender.provider.script("CreateToken", "invalid_grant")
    with lender.inside() as inside:
        inside.start("run_1", **lender.request())
        inside.meanwhile(lender.approve)
        assert inside.ended("run_1") == "SUCCEEDED"
        (execution,) = login_executions(inside)
        assert states_of(inside, execution) == [
            *("Begin", "CheckLogin", "LoginState", "StartLogin", "AwaitLoginApproval", "LoginReady")
        ]
    assert len(lender.provider.calls_of("CreateToken", "refresh")) == 1


def test_what_the_agent_renewed_is_kept_for_the_next_run(lender: Lender) -> None:
    lender.give_login()
    renew = lender.place.root / "renew.py"
    renew.write_text(RENEW.format(source=str(ROOT / "src"), environment=lender.provider.environment))
    with lender.inside() as inside:
        before = lender.stored().token
        assert inside.run("run_1", **lender.request(f"{sys.executable} {renew}")) == "SUCCEEDED"
        after = lender.stored().token
        assert after is not None
        assert after != before
        assert lender.provider.can_refresh(after.refresh_token)
        assert lender.statuses() == ["valid", "persisted"]
        result = lender.place.folder().read_result("persist")
        assert result is not None
        assert result.facts["persisted"] is True
        assert not lender.place.folder().store.exists("agent/database.sqlite3")
        assert inside.run("run_2", **lender.request()) == "SUCCEEDED"
    assert lender.notices() == []


@pytest.mark.exhaustive
def test_a_stopped_run_takes_its_turn_again_when_it_is_redriven(lender: Lender) -> None:
    """Fails when a redrive starts the agent with a login that another run has by now."""
    lender.give_login()
    first, second = Gate(lender.place, "first"), Gate(lender.place, "second")
    with lender.inside() as inside:
        # GIVEN a run that is stopped while its agent works, and another one that has the login now
        inside.start("run_1", **lender.request(first.command))
        inside.meanwhile(first.await_agent)
        assert inside.stop("run_1") == "ABORTED"
        inside.start("run_2", **lender.request(second.command))
        inside.meanwhile(second.await_agent)
        # WHEN the first one is redriven
        inside.redrive("run_1")
        # THEN it waits for its turn, and says for whom
        inside.meanwhile(lambda: wait_until(lambda: "held" in lender.statuses("run_1"), "waiting"))
        assert lender.events("run_1")[-1]["text"] == "Waiting for the login held by run run_2."
        assert lender.place.lines("count") == ["begun", "begun"], "its agent has not begun again"
        # AND continues when the other one has ended
        inside.meanwhile(second.open)
        assert inside.ended("run_2") == "SUCCEEDED"
        inside.meanwhile(first.await_agent)
        inside.meanwhile(first.open)
        assert inside.ended("run_1") == "SUCCEEDED"
    assert lender.statuses("run_1") == ["valid", "held", "valid"]
    one_terminal_status(lender.place, "run_1", "SUCCEEDED")


@pytest.mark.exhaustive
def test_what_an_agent_renewed_before_it_failed_is_kept_too(lender: Lender) -> None:
    lender.give_login()
    renew = lender.place.root / "renew.py"
    text = RENEW.format(source=str(ROOT / "src"), environment=lender.provider.environment)
    renew.write_text(f"{text}\nsys.exit(3)\n")
    with lender.inside() as inside:
        assert inside.run("run_1", **lender.request(f"{sys.executable} {renew}")) == "FAILED"
        # AND a redrive takes the lease again before the agent starts again
        renew.write_text("open('done.txt', 'w').close()\n")
        assert inside.rerun("run_1") == "SUCCEEDED"
        assert len(login_executions(inside)) == 2
    assert lender.statuses() == ["valid", "persisted", "valid"]
    stored = lender.stored().token
    assert stored is not None
    assert lender.provider.can_refresh(stored.refresh_token)


RENEW = """
import os, sys
sys.path.insert(0, {source!r})
os.environ |= {environment!r}
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stepherd.logins.database import read_login, write_login
from stepherd.logins.kinds import login_kind
from stepherd.logins.refresh import refresh
path = Path.home() / ".local/share/amazon-q/data.sqlite3"
login = read_login(path, login_kind("q"))
write_login(path, refresh(login, now=datetime.now(UTC) + timedelta(seconds=5)))
"""


def test_no_secret_is_in_any_process_log_history_event_or_notice(lender: Lender) -> None:
    """The canaries: every token, device code and client secret that the provider gave or got."""
    gate = Gate(lender.place)
    words = lender.place.run_words(gate.command, "--agent", "borrower", "--detach")
    lender.place.cli(*words).ok()
    lender.await_polls()
    shown = _shown_by_processes(lender)
    lender.approve()
    gate.await_agent()
    shown += _shown_by_processes(lender)
    gate.open()
    lender.place.cli("watch", "run_1").ok()
    for command in (["logs", "run_1"], ["history", "run_1"], ["status", "run_1", "--json"]):
        lender.place.cli(*command).ok()
    secrets = lender.secrets()
    assert len(secrets) >= 4
    assert len(shown) > 10_000
    assert not [secret for secret in secrets if secret.encode() in shown]
    assert not [secret for secret in secrets if secret in "".join(lender.place.said)]
    assert holders_of(lender.place.home, secrets) == ["store/logins/q/data.sqlite3"]
    assert holders_of(lender.place.root / "tmp", secrets) == []


def _shown_by_processes(lender: Lender) -> bytes:
    """The command line and environment of every process of the place."""
    pids = processes_of(lender.place.root)
    assert len(pids) > 3
    return b"".join(
        Path(f"/proc/{pid}/{name}").read_bytes() for pid in pids for name in ("cmdline", "environ")
    )


@pytest.mark.exhaustive
def test_a_notice_that_cannot_be_sent_is_sent_again_and_told_meanwhile(lender: Lender) -> None:
    """Fault 44."""
    broken = lender.place.home / "notices.jsonl"
    broken.mkdir(parents=True)
    with lender.inside() as inside:
        inside.start("run_1", **lender.request())
        inside.meanwhile(lambda: wait_until(lambda: lender.statuses() == ["asked"], "event"))
        (event,) = lender.events()
        (code,) = lender.provider.user_codes()
        assert f"{lender.provider.url}/device?user_code={code}" in event["text"]
        while not _failures(inside):
            inside.meanwhile(lambda: time.sleep(0.02))
        assert set(_failures(inside)) == {"SNS.SdkClientException"}
        broken.rmdir()
        assert lender.provider.user_codes() == [code]
        inside.meanwhile(lender.approve)
        assert inside.ended("run_1") == "SUCCEEDED"


def _failures(inside: Inside) -> list[str]:
    journal = inside.engine.engine.journal
    numbers = [execution.number for execution in login_executions(inside)]
    return [e.facts["error"] for n in numbers for e in journal.events(n) if e.type == "TaskFailed"]


@pytest.mark.exhaustive
def test_a_company_login_ends_with_the_names_of_its_profiles_and_goes_on_with_one(lender: Lender) -> None:
    lender.provider.profiles = [
        {"arn": "arn:1", "profileName": "payments"},
        {"arn": "arn:2", "profileName": "search"},
    ]
    secret = lender.place.root / "login.json"
    fields = {"sso_url": lender.provider.start_url, "region": "eu-west-1"}
    secret.write_text(json.dumps(fields))
    with lender.inside() as inside:
        _use_secret(inside, f"file:{secret}")
        inside.start("run_1", **lender.request())
        inside.meanwhile(lender.approve)
        assert inside.ended("run_1") == "FAILED"
        report = lender.place.folder().read_report()
        assert report is not None
        assert "payments" in report["error"]["message"]
        assert "search" in report["error"]["message"]
        # WHEN the profile is named, THEN no one is asked again
        secret.write_text(json.dumps({**fields, "profile": "search"}))
        assert inside.rerun("run_1") == "SUCCEEDED"
    assert len(lender.notices()) == 1
    profile = lender.stored().profile
    assert profile is not None
    assert profile.name == "search"


def _use_secret(inside: Inside, reference: str) -> None:
    """As AMAZON_Q_CREDENTIALS_SECRET_ID in the environment of the engine does."""
    for function in inside.engine.application.functions:
        if "AMAZON_Q_CREDENTIALS_SECRET_ID" in function.environment:
            assert isinstance(function.environment, dict)
            function.environment["AMAZON_Q_CREDENTIALS_SECRET_ID"] = reference
