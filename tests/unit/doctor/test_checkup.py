"""``stepherd doctor``: what is looked at, within which time, and what is said of it."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.login_files import a_login

from stepherd.cli.commands.doctor import command
from stepherd.doctor.all_checks import all_checks
from stepherd.doctor.checkup import Check, Finding, examine
from stepherd.doctor.home import HOME_CHECKS
from stepherd.doctor.machine import MACHINE_CHECKS, git_finding, python_finding
from stepherd.errors import DataError
from stepherd.logins.lease import Holder, take_lease
from stepherd.logins.opening import open_location


def ok(name: str) -> Check:
    return Check(name, lambda _: [Finding(name, "ok", "fine")])


def statuses(home: Path, *names: str) -> dict[str, str]:
    checks = [check for check in (*MACHINE_CHECKS, *HOME_CHECKS) if check.name in names]
    return {finding.name: finding.status for finding in examine(checks, home)}


def test_findings_come_in_the_order_of_the_checks_and_one_that_hangs_holds_up_none(tmp_path: Path) -> None:
    release = threading.Event()

    def hangs(_: Path) -> Iterator[Finding]:
        release.wait()
        yield Finding("hangs", "ok", "too late")

    began = time.monotonic()
    found = examine([ok("a"), Check("hangs", hangs, seconds=0.1), ok("b")], tmp_path)
    assert time.monotonic() - began < 5
    release.set()
    assert [(one.name, one.status) for one in found] == [("a", "ok"), ("hangs", "warning"), ("b", "ok")]
    assert found[1].text == "No answer within 0.1 s."


def test_what_a_check_raises_is_a_problem_with_its_remedy(tmp_path: Path) -> None:
    def broken(_: Path) -> Iterator[Finding]:
        raise DataError("It is damaged.", remedy="Mend it.")
        yield

    (found,) = examine([Check("x", broken)], tmp_path)
    assert found == Finding("x", "problem", "It is damaged.", "Mend it.")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("git version 2.50.1", "ok"),
        ("git version 2.51.0", "ok"),
        ("git version 2.43.7", "ok"),
        ("git version 2.43.6", "warning"),
        ("git version 2.39.5 (Apple Git-154)", "warning"),
        ("git version 2.50.0.windows.1", "warning"),
        ("git version 2.20.1", "problem"),
        ("git version 3.0", "ok"),
        ("", "warning"),
    ],
)
def test_git_below_the_fixes_is_told(said: str, status: str) -> None:
    assert git_finding(said).status == status


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ((3, 10, 9), "problem"),
        ((3, 11, 0), "ok"),
        ((3, 14, 0), "ok"),
    ],
)
def test_a_python_that_is_too_old_is_told(version: tuple[int, int, int], status: str) -> None:
    assert python_finding(version).status == status


def test_a_home_that_is_not_there_yet_is_no_problem_and_is_not_made(tmp_path: Path) -> None:
    home = tmp_path / "none"
    assert statuses(home, "home", "journal", "logins") == {"home": "ok", "disk": "ok", "journal": "ok"}
    assert not home.exists()


def test_a_home_that_others_can_look_into_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert statuses(tmp_path, "home")["home"] == "warning"
    tmp_path.chmod(0o700)
    assert statuses(tmp_path, "home")["home"] == "ok"


def test_a_damaged_journal_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(b"x" * 5_000)
    assert statuses(tmp_path, "journal") == {"journal": "problem"}


def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10_000_000})()
    monkeypatch.setattr("stepherd.doctor.home.shutil.disk_usage", lambda _: usage)
    assert statuses(tmp_path, "home")["disk"] == "problem"


def test_files_from_the_future_mean_that_the_clock_is_behind(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").touch()
    assert statuses(tmp_path, "clock") == {"clock": "ok"}
    os.utime(tmp_path / "journal.sqlite3", (2_000_000_000 + 10**9, 2_000_000_000 + 10**9))
    assert statuses(tmp_path, "clock") == {"clock": "problem"}


def test_aws_is_looked_at_only_where_it_is_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert statuses(tmp_path, "aws") == {}
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert statuses(tmp_path, "aws") == {"aws region": "ok", "aws credentials": "warning"}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    assert statuses(tmp_path, "aws") == {"aws region": "ok", "aws credentials": "ok"}


def test_logins_are_told_of_only_where_there_are_some(tmp_path: Path) -> None:
    place = tmp_path / "store/logins/q/data.sqlite3"
    assert statuses(tmp_path, "logins") == {}
    login = a_login()  # It has ended long ago and its client, too, or not: the fixture's time is fixed.
    open_location(login.kind, str(place)).save(login, None)
    assert set(statuses(tmp_path, "logins")) == {"login q"}
    place.write_bytes(b"not a database at all" * 400)
    assert statuses(tmp_path, "logins") == {"login q": "problem"}


HERE = "arn:aws:states:us-east-1:000000000000:execution:stepherd-pipeline:run_1"
STACK = "arn:aws:states:eu-west-1:123456789012:execution:x-pipeline:run_1"


@pytest.mark.parametrize(
    ("holder", "shared", "warned"),
    [
        (STACK, False, True),
        (STACK, True, True),
        (HERE, True, True),
        (HERE, False, False),
        (HERE.replace(":stepherd-", ":another-stepherd-"), False, True),
    ],
)
def test_a_database_that_two_places_use_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holder: str, shared: bool, warned: bool
) -> None:
    place = tmp_path / ("shared/data.sqlite3" if shared else "home/store/logins/q/data.sqlite3")
    if shared:
        monkeypatch.setenv("Q_DATABASE_S3_URI", str(place))
    login = a_login()
    location = open_location(login.kind, str(place))
    location.save(login, None)
    assert "database q" not in statuses(tmp_path / "home", "logins")
    take_lease(location, Holder(holder, "run_1"), lambda _: False)
    found = statuses(tmp_path / "home", "logins")
    assert found.get("database q") == ("warning" if warned else None)


def test_the_exit_code_tells_problems_and_json_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = Check("x", lambda _: [Finding("x", "problem", "broken", "mend it")])
    for checks, code in (((ok("a"),), 0), ((ok("a"), problem), 78)):
        monkeypatch.setattr("stepherd.doctor.all_checks.all_checks", lambda *_, checks=checks: checks)
        assert command.main(["--home", str(tmp_path), "--json"], standalone_mode=False) == code
        printed = json.loads(capsys.readouterr().out)
        assert printed["ok"] is (code == 0)
        assert [one["remedy"] for one in printed["findings"]] == [None, "mend it"][: len(checks)]


def test_every_check_has_a_limit(tmp_path: Path) -> None:
    assert all(0 < check.seconds <= 15 for check in all_checks(tmp_path))


@pytest.mark.parametrize(
    ("secret", "status", "words"),
    [
        ("t0ken-without-a-prefix", "warning", "only where --repo is typed"),
        ("ghp_0123456789", "warning", "to github.com, and where"),
        ('{"token": "t0ken", "hosts": "git.example.com:8443"}', "ok", "for git.example.com:8443"),
        ('{"ssh_key": "x"}', "ok", "env:MY_SECRET"),
    ],
)
def test_a_token_of_this_machine_that_is_not_bound_to_hosts_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str, status: str, words: str
) -> None:
    monkeypatch.setenv("GIT_CREDENTIALS_SECRET_ID", "env:MY_SECRET")
    monkeypatch.setenv("MY_SECRET", secret)
    check = next(check for check in all_checks(tmp_path) if check.name == "git credentials")
    (found,) = examine([check], tmp_path)
    assert (found.status, words in found.text, secret in str(found)) == (status, True, False)


@pytest.mark.skipif(not hasattr(os, "ST_NOEXEC"), reason="this system does not tell")
def test_a_disk_on_which_nothing_can_be_run_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent's workspace is there, and what it builds."""
    assert statuses(tmp_path, "home")["home"] in {"ok", "warning"}
    tmp_path.chmod(0o700)
    told = {"f_flag": os.ST_NOEXEC, "f_frsize": 1, "f_bavail": 9, "f_bfree": 9, "f_blocks": 9}
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(**told))
    checks = [check for check in HOME_CHECKS if check.name == "home"]
    found = [one for one in examine(checks, tmp_path) if one.name == "home"]
    assert [one.status for one in found] == ["ok", "warning"]
    assert "noexec" in found[1].text
    assert "STEPHERD_HOME" in found[1].remedy


def test_no_program_of_the_current_folder_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone of anyone's, with "." or an empty entry in PATH."""
    for name in ("git", "ssh"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f".::{os.environ['PATH']}")
    found = statuses(tmp_path, "git", "ssh")
    assert found.keys() == {"git", "ssh"}
    assert not (tmp_path / "ran").exists()
