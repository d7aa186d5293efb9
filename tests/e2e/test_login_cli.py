"""Logging in from the command line, with a real engine and a real identity provider in other processes."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.gate import Gate
from tests.e2e.lender import Lender, wait_until
from tests.e2e.place import Done

from stepherd.backends.client import LOGIN, machine_arn
from stepherd.backends.home.engines import reading

pytestmark = pytest.mark.exhaustive


@pytest.fixture
def lender(tmp_path: Path) -> Iterator[Lender]:
    with Lender.at(tmp_path / "place") as made:
        yield made
        printed = "\n".join(text for text in made.place.said if '"accessToken"' not in text)
        assert not [secret for secret in made.secrets() if secret in printed], "a secret was printed"


def login(lender: Lender, *words: str, **environment: Any) -> subprocess.Popen[bytes]:
    return lender.place.start("login", *words, **environment)


def end(lender: Lender, child: subprocess.Popen[bytes]) -> Done:
    return lender.place.end_of(child)


def executions(lender: Lender) -> list[str]:
    """How the executions of the login machine stand, the newest first."""
    with reading(lender.place.home) as call:
        answer = call("ListExecutions", {"stateMachineArn": machine_arn(LOGIN), "maxResults": 100})
    return [execution["status"] for execution in answer["executions"]]


def attempts(lender: Lender) -> list[Path]:
    return list((lender.place.home / "store/logins").rglob("attempts/*.json"))


def test_a_person_logs_in_and_the_next_run_asks_nobody(lender: Lender) -> None:
    # WHEN somebody logs in where there is no terminal, and approves the code
    child = login(lender)
    code = lender.approve()
    done = end(lender, child).ok()
    # THEN what to do was said once, in one line, and nothing is on standard output
    assert done.out == ""
    lines = done.err.splitlines()
    asked = f"Waiting for you: open {lender.provider.url}/device?user_code={code}, code {code}, 9:5"
    assert lines[0].startswith(asked)
    assert done.err.count(code) == 2
    assert lines[1] == "Logged in to Amazon Q Developer: Builder ID"
    # AND it is stored for the owner alone
    database = lender.place.home / "store/logins/q/data.sqlite3"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert stat.S_IMODE(lender.place.home.stat().st_mode) == 0o700
    # AND runs pass, and another login has nothing to do
    assert lender.place.run("true", "--agent", "borrower").ok().json["status"] == "SUCCEEDED"
    again = lender.place.cli("login", "--json").ok()
    assert again.json["asked"] is False
    assert again.json["account"] == "Builder ID"
    assert again.json["database"] == database.as_uri()
    assert len(lender.notices()) == 1


def test_a_login_whose_renewal_is_refused_asks_a_person(lender: Lender) -> None:
    old = lender.give_login(seconds=-10)
    lender.provider.script("CreateToken", "invalid_request")
    child = login(lender, "--json")
    lender.approve()
    assert end(lender, child).ok().json["asked"] is True
    assert lender.stored().token != old.token


def test_a_login_starts_no_functions_of_runs(lender: Lender) -> None:
    child = login(lender, "--json")
    lender.approve()
    end(lender, child).ok()
    started = {path.stem.rpartition("-")[2] for path in lender.place.home.glob("logs/functions/*.log")}
    assert started == {"CheckLoginFunction", "StartLoginFunction", "CompleteLoginFunction"}
    # AND no engine in the background for what has ended
    assert not (lender.place.home / "logs/engine.log").exists()


def test_force_asks_although_the_login_is_good(lender: Lender) -> None:
    old = lender.give_login()
    child = login(lender, "--force", "--json")
    lender.approve()
    assert end(lender, child).ok().json["asked"] is True
    assert lender.stored().token != old.token


def test_who_declines_gets_77_and_the_next_command(lender: Lender) -> None:
    child = login(lender)
    lender.provider.decline(lender.await_notice())
    done = end(lender, child)
    assert done.code == 77
    assert "You declined the login of Amazon Q Developer. Try again with: stepherd login" in done.err
    assert lender.login_place.load() is None


def test_an_expired_code_is_replaced_by_another(lender: Lender) -> None:
    child = login(lender)
    first = lender.await_notice()
    lender.await_polls()
    lender.provider.expire(first)
    second = lender.approve(2)
    done = end(lender, child).ok()
    assert first != second
    assert f"code {second} (code 2; the previous one has expired)" in done.err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_leaving_takes_it_back_and_leaves_nothing(lender: Lender, number: int, code: int) -> None:
    child = login(lender)
    lender.await_notice()
    lender.await_polls()
    child.send_signal(number)
    done = end(lender, child)
    assert done.code == code
    assert "cancelled" in done.err
    assert executions(lender) == ["ABORTED"]
    assert attempts(lender) == [], "the device code is gone"
    assert list(lender.place.home.glob("deliveries/*")) == [], "and so is the notice with the task token"
    assert lender.login_place.load() is None
    # AND the next one begins afresh, at once
    child = login(lender)
    lender.approve(2)
    assert end(lender, child).ok()


def test_a_login_that_a_run_has_is_waited_for_and_taken_on_the_same_engine(lender: Lender) -> None:
    lender.give_login()
    gate = Gate(lender.place)
    run = lender.place.start(*lender.place.run_words(gate.command, "--agent", "borrower"))
    gate.await_agent()
    # WHEN somebody wants another login while the run uses this one
    child = login(lender, "--force", "--json")
    wait_until(lambda: executions(lender)[0] == "RUNNING" and len(executions(lender)) == 2, "second login")
    status = lender.place.cli("login", "status", "--agent", "q", "--json").ok().json
    assert status["logins"][0]["lease"]["run_id"] == "run_1"
    assert status["logins"][0]["lease"]["running"] is True
    # AND somebody exports the token meanwhile
    exported = lender.place.cli("export-token")
    assert "in use by run_1" in exported.err
    # AND the list says of the run that it works: it is not a run that waits
    assert lender.place.cli("list", "--json").ok().json["runs"][0]["waiting_for"] is None
    # THEN it waits until the run has ended
    gate.open()
    assert lender.place.end_of(run).ok()
    lender.approve()
    done = end(lender, child).ok()
    assert "Waiting for the login held by run run_1." in done.err


def test_a_run_says_what_it_waits_for_in_one_line_and_as_json(lender: Lender) -> None:
    run = lender.place.start(*lender.place.run_words("true", "--agent", "borrower"))
    code = lender.await_notice()
    # WHEN its status is asked for
    (state,) = [one for one in lender.place.status()["states"] if one["name"] == "Authenticate"]
    # THEN that names the person who is waited for
    waiting = state["waiting_for"]
    assert (waiting["kind"], waiting["agent"], waiting["user_code"]) == ("person", "q", code)
    assert waiting["url"] == f"{lender.provider.url}/device?user_code={code}"
    shown = lender.place.cli("status", "run_1").ok().out
    assert re.search(r"Authenticate .* waiting for you\n", shown)
    assert f"      code  {code}  9:5" in shown
    # AND so does the list, which tells it from those that work
    (line,) = lender.place.cli("list").ok().out.splitlines()
    assert line.startswith("run_1  waiting for you  ")
    (listed,) = lender.place.cli("list", "--json").ok().json["runs"]
    assert listed["waiting_for"] == waiting
    # AND the run itself said it once: the engine's notice is not printed beside it
    lender.provider.approve(code)
    done = lender.place.end_of(run).ok()
    assert done.err.count(f"user_code={code}") == 1
    assert "If you or your team did not start this" not in done.err
    (authenticate,) = [one for one in done.json["states"] if one["name"] == "Authenticate"]
    assert (authenticate["status"], authenticate["waiting_for"]) == ("SUCCEEDED", None)


def test_an_expired_token_is_exported_fresh_and_stored(lender: Lender) -> None:
    old = lender.give_login(seconds=-10)
    printed = lender.place.cli("user", "export-token").ok()
    fields = json.loads(printed.out)
    assert lender.provider.knows(fields["accessToken"])
    assert fields["accessToken"] != old.token.access_token  # type: ignore[union-attr]
    stored = lender.stored().token
    assert stored is not None
    assert (stored.access_token, stored.refresh_token) == (fields["accessToken"], fields["refreshToken"])
    assert len(lender.provider.calls_of("CreateToken", "refresh")) == 1
    assert lender.place.cli("export-token").ok().json == fields
    assert len(lender.provider.calls_of("CreateToken", "refresh")) == 1


def test_a_login_that_cannot_be_renewed_needs_a_person(lender: Lender) -> None:
    lender.give_login(seconds=-10)
    lender.provider.script("CreateToken", "invalid_grant")
    done = lender.place.cli("export-token")
    assert (done.code, done.out) == (77, "")
    assert "stepherd login --agent q" in done.err


def test_several_profiles_are_listed_and_one_can_be_named(lender: Lender) -> None:
    lender.provider.profiles = [
        {"arn": f"arn:aws:codewhisperer:us-east-1:1:profile/{n}", "profileName": n} for n in ("Blue", "Green")
    ]
    company = ("--identity-provider", lender.provider.start_url, "--region", "us-east-1")
    child = login(lender, *company)
    lender.approve()
    done = end(lender, child)
    assert done.code == 64
    assert "Blue" in done.err
    assert "Green" in done.err
    done = lender.place.cli("login", *company, "--profile", "Green").ok()
    assert "IAM Identity Center" in done.err
    assert lender.stored().profile.name == "Green"  # type: ignore[union-attr]


@pytest.mark.parametrize("words", [("--license", "pro"), ("--region", "nowhere"), ("status", "--agent", "x")])
def test_what_cannot_be_is_refused_before_anything_starts(lender: Lender, words: tuple[str, ...]) -> None:
    done = lender.place.cli("login", *words)
    assert done.code == 64
    assert not lender.place.home.exists()


def test_another_database_is_written_where_it_is_named(lender: Lender) -> None:
    child = lender.place.start("login", "--agent", "kiro", "--database", "mine/kiro.sqlite3", "--json")
    lender.approve()
    fields = end(lender, child).ok().json
    assert fields["database"] == (lender.place.root / "mine/kiro.sqlite3").as_uri()
    exported = lender.place.cli("export-token", "--database", "mine/kiro.sqlite3").ok()
    assert lender.provider.knows(exported.json["accessToken"])
    assert lender.place.cli("login", "status").code == 77, "the home's own logins are others"
