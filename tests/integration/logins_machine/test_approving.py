"""CompleteLogin: what it stores, whom it answers, and when it stops."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
from tests.integration.logins_machine.rig import FastPace, Rig

from stepherd.errors import UsageError
from stepherd.logins.asking import start_login
from stepherd.logins.login import Profile
from stepherd.logins.settings import login_settings


def test_an_approved_login_is_stored_and_the_machine_hears_who_it_is(rig: Rig) -> None:
    asked = rig.start()
    outcome = rig.complete(asked, FastPace(then={3: rig.provider.approve}))
    assert outcome == "approved"
    ((kind, output),) = rig.machine.answers
    token = rig.stored().token
    assert token is not None
    assert kind == "succeeded"
    assert json.loads(output) == {
        "status": "valid",
        "account": "Builder ID",
        "expires_at": token.expires_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    assert rig.provider.knows(token.access_token)
    assert rig.polls() == 3
    assert rig.statuses() == ["asked", "approved"]
    # AND what served to ask is forgotten
    attempt = rig.attempt(asked)
    assert (attempt.device.device_code, attempt.registration.client_secret) == ("", "")


def test_it_beats_while_it_waits(rig: Rig) -> None:
    rig.provider.interval = 5
    rig.complete(rig.start(), FastPace(then={13: rig.provider.approve}))
    assert rig.machine.beats >= 6  # 60 s, a beat every ten, and one at the beginning


def test_it_ends_when_nobody_waits_any_more(rig: Rig) -> None:
    rig.provider.interval = 5
    pace = FastPace(then={4: lambda: rig.machine.open_tokens.clear()})
    assert rig.complete(rig.start(), pace) == "no one is waiting for it any more"
    assert len(pace.slept) <= 6
    assert rig.machine.answers == []


def test_it_ends_before_its_own_time_does_and_another_goes_on_with_the_code(rig: Rig) -> None:
    asked = rig.start()
    times = iter([900.0, 900.0, 900.0, 900.0, *[59.0] * 20])
    assert rig.complete(asked, FastPace(remaining=lambda: next(times))) == "its time is up, the code's is not"
    assert rig.machine.answers[0][:2] == ("failed", "LoginStillPending")
    again = rig.start()
    assert (again["user_code"], again["code"]) == (asked["user_code"], 1)
    rig.machine.open_tokens = {"t2"}
    rig.provider.approve()
    assert rig.complete(again, token="t2") == "approved"


def test_it_ends_with_what_runs_it(rig: Rig) -> None:
    class Orphan(FastPace):
        def sleep(self, seconds: float) -> bool:
            return False

    assert rig.complete(rig.start(), Orphan()) == "no one is left to tell"
    assert rig.polls() == 0


def test_a_profile_that_must_be_named_fails_the_machine_and_keeps_the_login(rig: Rig) -> None:
    rig.provider.profiles = [{"arn": "arn:1", "profileName": "one"}, {"arn": "arn:2", "profileName": "two"}]
    secret = {"sso_url": rig.provider.start_url, "region": "eu-west-1"}
    asked = rig.start(secret=secret)
    assert rig.provider.calls_of("StartDeviceAuthorization")[0].body["startUrl"] == rig.provider.start_url
    rig.provider.approve()
    rig.complete(asked)
    ((kind, error, cause),) = rig.machine.answers
    assert (kind, error) == ("failed", "ProfileNeeded")
    assert "one" in cause
    assert "two" in cause
    assert "--profile" in cause
    # AND with the profile named, no one is asked again
    assert rig.check(secret={**secret, "profile": "two"})["status"] == "valid"
    assert rig.stored().profile == Profile("arn:2", "two")


def test_the_only_profile_comes_with_the_login(rig: Rig) -> None:
    rig.provider.profiles = [{"arn": "arn:1", "profileName": "one"}]
    asked = rig.start(secret={"sso_url": rig.provider.start_url})
    rig.provider.approve()
    assert rig.complete(asked) == "approved"
    assert json.loads(rig.machine.answers[0][1])["profile"] == "one"
    assert rig.stored().profile == Profile("arn:1", "one")


def test_a_login_that_is_approved_is_stored_before_anything_else_is_asked(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    asked = rig.start(secret={"sso_url": rig.provider.start_url})
    rig.provider.approve()
    monkeypatch.setattr("stepherd.logins.approving.profile_for", killed)
    with pytest.raises(Killed):
        rig.complete(asked)
    assert rig.stored().is_identity_center


def test_a_login_that_cannot_be_stored_is_told_at_once_and_asked_for_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepherd.logins.snapshots.BUSY_SECONDS", 0)
    rig.give_login(seconds=-10)
    asked = rig.start()
    rig.provider.approve()
    with closing(sqlite3.connect(rig.folder / "logins/q/data.sqlite3")) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert rig.complete(asked) == "approved, but not stored"
    ((kind, error, cause),) = rig.machine.answers
    assert (kind, error) == ("failed", "TemporaryError")
    assert cause.startswith("You approved the login, but it cannot be stored.")
    assert cause.endswith("is busy with another process. Try again with: stepherd redrive run_1")
    assert rig.attempt(asked).device.device_code == ""
    # AND when a notice comes twice there is nothing to wait for
    assert rig.complete(asked) == "no one is waiting for it any more"


def test_no_one_is_asked_for_a_login_that_would_take_another_file_s_place(rig: Rig) -> None:
    notes = rig.folder / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("precious")
    wanted = rig.wanted(reference=str(notes), force=True)
    with pytest.raises(UsageError):
        start_login(
            wanted, login_settings(wanted, ""), wanted.location(str(rig.folder)), now=datetime.now(UTC)
        )
    assert rig.provider.calls == []


def test_a_code_that_was_used_up_is_as_good_as_expired(rig: Rig) -> None:
    asked = rig.start()
    rig.provider.script("CreateToken", "invalid_grant")
    assert rig.complete(asked) == "expired"
    assert rig.machine.answers[0][1] == "LoginCodeExpired"
    assert rig.start()["code"] == 2


def test_a_message_says_that_a_later_one_replaces_it_and_what_to_do_when_it_came_too_late(rig: Rig) -> None:
    texts = []
    for code in (1, 2, 3):
        asked = rig.start()
        assert asked["code"] == code
        texts.append(asked["text"])
        rig.provider.expire()
        rig.machine.open_tokens = {"t1"}
        assert rig.complete(asked) == "expired"
    for number, text in enumerate(texts[:2], 1):
        assert f"This is code {number} of 3. When it expires, another message" in text
        assert "replaces this one" in text
    assert "This is the last of 3 codes." in texts[2]
    assert all(text.endswith("Try again with: stepherd redrive run_1") for text in texts)
