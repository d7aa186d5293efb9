"""``stepherd login status``: stored logins are judged as the login machine does, and no one is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.login_files import NOW, a_login, query, stored

from stepherd.backends.home.backend import HomeBackend
from stepherd.backends.login_outlook import outlook
from stepherd.cli.commands.export_token import command as export_token
from stepherd.cli.commands.login_status import command as status
from stepherd.logins.lease import Holder, take_lease
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Login, Profile
from stepherd.logins.opening import open_location

RUN = "arn:aws:states:us-east-1:{}:execution:stepherd-pipeline:run_7"
WHERE_IT_IS_FOR = ("tokenType", "profileArn", "region", "service")
HERE, AWS = RUN.format("000000000000"), RUN.format("123456789012")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks an identity provider fails the test."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("somebody was asked over the network")

    monkeypatch.setattr("stepherd.logins.refresh.call", never)


def place_of(home: Path) -> LoginLocation:
    return open_location(a_login().kind, str(home / "store/logins/q/data.sqlite3"))


def given(home: Path, login: Login | None = None) -> LoginLocation:
    place = place_of(home)
    place.save(login or a_login(), None)
    return place


def lasting(**more: Any) -> Login:
    """A login whose token ends an hour from the real now."""
    return a_login(ends=datetime.now(UTC) - NOW + timedelta(hours=1), **more)


@pytest.mark.parametrize(
    ("login", "next_run"),
    [
        (a_login(), "passes"),
        (a_login(ends=timedelta(seconds=59)), "refreshes"),
        (a_login(ends=timedelta(hours=-1)), "refreshes"),
        (a_login(ends=timedelta(hours=-1), refresh_token=None), "asks"),
        (a_login(ends=timedelta(hours=-1), region="eu-west-1"), "asks"),
        (Login(a_login().kind, a_login(ends=timedelta(hours=-1)).token), "asks"),
    ],
)
def test_the_next_run_is_foretold(tmp_path: Path, login: Login, next_run: str) -> None:
    given(tmp_path, login)
    found = outlook(HomeBackend(tmp_path), "q", None, NOW)
    assert found.next_run == next_run
    assert (found.why_no_refresh is None) is (found.refresh_until is not None)


def test_nobody_and_damage_are_told_apart(tmp_path: Path) -> None:
    assert outlook(HomeBackend(tmp_path), "q", None, NOW).account is None
    path = tmp_path / "store/logins/q/data.sqlite3"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 9_000)
    found = outlook(HomeBackend(tmp_path), "q", None, NOW)
    assert found.error is not None
    assert found.next_run == "asks"


def test_looking_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    outlook(HomeBackend(home), "q", None, NOW)
    assert not home.exists()


@pytest.mark.parametrize(("holder", "running"), [(HERE, False), (AWS, None)])
def test_a_lease_that_cannot_be_known_counts_as_held(
    tmp_path: Path, holder: str, running: bool | None
) -> None:
    take_lease(given(tmp_path), Holder(holder, "run_7"), lambda _: True)
    lease = outlook(HomeBackend(tmp_path), "q", None, NOW).lease
    assert lease is not None
    assert (lease.run_id, lease.running, lease.held) == ("run_7", running, running is not False)


def called(command: Any, home: Path, *words: str) -> int:
    code: int = command.main(["--home", str(home), *words], standalone_mode=False)
    return code


def test_status_is_shown_in_words_with_the_command_that_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given(tmp_path, lasting(profile=None))
    assert called(status, tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Amazon Q Developer (q)"
    assert lines[1] == "  account   Builder ID"
    assert "(in 59 min 5" in lines[2] or "(in 1 h 00 min)" in lines[2]
    assert lines[3] == f"  stored    {tmp_path}/store/logins/q/data.sqlite3"
    assert "  next run  passes without asking" in lines
    assert lines[-1] == f"  log in    stepherd login --home {tmp_path} --agent kiro"


def test_the_exit_code_says_whether_a_person_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(status, tmp_path, "--json") == 77
    given(tmp_path, lasting())
    assert called(status, tmp_path, "--json") == 0
    assert called(status, tmp_path, "--agent", "q") == 0
    assert called(status, tmp_path, "--agent", "kiro") == 77
    printed = capsys.readouterr()
    assert "access-one" not in printed.out + printed.err
    assert "secret-one" not in printed.out + printed.err


def test_json_has_stable_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    company = "https://example.awsapps.com/start"
    given(tmp_path, lasting(start_url=company, profile=Profile("arn:aws:x", "Team A")))
    called(status, tmp_path, "--agent", "q", "--json")
    (login,) = json.loads(capsys.readouterr().out)["logins"]
    assert (login["account"], login["profile"]) == (f"IAM Identity Center ({company})", "Team A")
    assert 3_500 < login["seconds_left"] <= 3_600
    assert login["refresh"]["possible"] is True
    assert (login["lease"], login["next_run"], login["error"]) == (None, "passes", None)


def test_export_gives_json_alone_on_stdout_and_the_warning_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    login = lasting()
    given(tmp_path, login)
    assert login.token is not None
    assert called(export_token, tmp_path) == 0
    printed = capsys.readouterr()
    fields = json.loads(printed.out)
    assert list(fields) == ["accessToken", "refreshToken", "expiresAt", *WHERE_IT_IS_FOR]
    assert (fields["accessToken"], fields["refreshToken"]) == ("access-one", "refresh-one")
    assert datetime.fromisoformat(fields["expiresAt"]) == login.token.expires_at
    assert "anyone who has these tokens can act as you" in printed.err
    assert "access-one" not in printed.err
    called(export_token, tmp_path, "--no-refresh-token")
    assert list(json.loads(capsys.readouterr().out)) == ["accessToken", "expiresAt", *WHERE_IT_IS_FOR]


def test_a_login_in_use_is_read_with_a_warning_and_never_renewed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = given(tmp_path, lasting())
    take_lease(place, Holder(AWS, "run_7"), lambda _: True)
    assert called(export_token, tmp_path) == 0
    assert "in use by run_7" in capsys.readouterr().err
    place.save(a_login("two", ends=timedelta(days=-400)), None, replaces=True)
    assert called(export_token, tmp_path) == 75
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "stepherd status" in printed.err


@pytest.mark.parametrize("words", [(), ("--agent", "q"), ("--json",)])
def test_without_a_login_the_command_that_helps_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert called(export_token, tmp_path, *words) == 77
    printed = capsys.readouterr()
    assert f"stepherd login --home {tmp_path} --agent q" in printed.err
    assert "accessToken" not in printed.out


def test_the_login_that_there_is_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from stepherd.logins.kinds import login_kind

    kiro = login_kind("kiro")
    login = lasting()
    theirs = Login(kiro, login.token, login.registration)
    open_location(kiro, str(tmp_path / "store/logins/kiro/data.sqlite3")).save(theirs, None)
    assert called(export_token, tmp_path) == 0
    assert json.loads(capsys.readouterr().out)["accessToken"] == "access-one"
    database = str(tmp_path / "store/logins/kiro/data.sqlite3")
    assert called(export_token, tmp_path / "other", "--database", database) == 0


def test_a_token_that_only_the_cli_renews_is_exported_where_no_other_login_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from stepherd.logins.kinds import login_kind

    path = tmp_path / "store/logins/kiro/data.sqlite3"
    path.parent.mkdir(parents=True)
    stored(path, Login(login_kind("kiro")))
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    document = {"access_token": "social-one", "expires_at": ends, "profile_arn": "arn:aws:x:eu-central-1:1:p"}
    query(path, "INSERT INTO auth_kv VALUES ('kirocli:social:token', ?)", json.dumps(document))
    assert called(export_token, tmp_path) == 0
    fields = json.loads(capsys.readouterr().out)
    assert (fields["accessToken"], fields["service"], fields["region"]) == (
        "social-one",
        "kiro",
        "eu-central-1",
    )
    assert called(export_token, tmp_path, "--agent", "q") == 77
