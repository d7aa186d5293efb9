"""From every state there is a way to a good login, and no one has to delete a file for it.

A run is redriven, as its own messages say, while the provider refuses whatever it likes, in any order. As
soon as the provider works and a person approves, the next redrive has a login.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.identity_provider import REFUSALS, SENSELESS
from tests.integration.logins_machine.rig import Rig

from stepherd.errors import StepherdError, TemporaryError
from stepherd.logins.database import write_login
from stepherd.logins.login import Login

OPERATIONS = ("CreateToken", "StartDeviceAuthorization", "RegisterClient", "ListAvailableProfiles")
ANSWERS = (
    *sorted(REFUSALS.values()),
    "access_denied_profile",
    *SENSELESS,
    "redirect",
    "proxy",
    "drop",
    "lost",
)
REDRIVES = 12


def put(
    rig: Rig,
    change: Callable[[Login], Login] = lambda login: login,
    seconds: int = -10,
    start_url: str | None = None,
) -> None:
    login = change(rig.provider.login(rig.place.kind, seconds=seconds, start_url=start_url))
    path = rig.folder / "logins/q/data.sqlite3"
    path.parent.mkdir(parents=True)
    write_login(path, login)


def registered(login: Login, **changes: object) -> Login:
    assert login.registration
    return replace(login, registration=replace(login.registration, **changes))  # type: ignore[arg-type]


def without_refresh_token(login: Login) -> Login:
    assert login.token
    return replace(login, token=replace(login.token, refresh_token=None))


def company(rig: Rig, *, profiles: int, seconds: int) -> None:
    rig.provider.profiles = [{"arn": f"arn:{n}", "profileName": f"{n}"} for n in range(profiles)]
    put(rig, seconds=seconds, start_url=rig.provider.start_url)


def forgotten(rig: Rig) -> None:
    put(rig)
    rig.provider.forget_clients()


def damaged(rig: Rig) -> None:
    put(rig)
    (rig.folder / "logins/q/data.sqlite3").write_bytes(b"not a database" * 100)


def changed(rig: Rig, sql: str) -> None:
    put(rig)
    with closing(sqlite3.connect(rig.folder / "logins/q/data.sqlite3")) as db:
        db.execute(sql)
        db.commit()


def row_without_sense(rig: Rig) -> None:
    changed(rig, "UPDATE auth_kv SET value = '{\"access_token\": 5}' WHERE key LIKE '%token'")


def odd_lease(rig: Rig) -> None:
    put(rig)
    (rig.folder / "logins/q/lease.json").write_text("{")


def row_of_another_kind(rig: Rig) -> None:
    changed(rig, "INSERT INTO auth_kv VALUES ('kirocli:odic:token', '{}')")


def journal_of_a_removed_one(rig: Rig) -> None:
    put(rig)
    path = rig.folder / "logins/q/data.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size=1")
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO history (command) VALUES (?)", [("x" * 4_000,)] * 50)
        left = path.with_name("data.sqlite3-journal").read_bytes()
    path.unlink()
    path.with_name("data.sqlite3-journal").write_bytes(left)


def folder_in_its_place(rig: Rig) -> None:
    (rig.folder / "logins/q/data.sqlite3/in it").mkdir(parents=True)
    (rig.folder / "logins/q/data.sqlite3.damaged/in it").mkdir(parents=True)


SOON = datetime.now(UTC) + timedelta(seconds=30)
STATES: dict[str, Callable[[Rig], None]] = {
    "no login": lambda _: None,
    "good": lambda rig: put(rig, seconds=3600),
    "expired": put,
    "of a company without a profile": lambda rig: company(rig, profiles=0, seconds=3600),
    "of a company with one, expired": lambda rig: company(rig, profiles=1, seconds=-10),
    "client forgotten": forgotten,
    "client expired": lambda rig: put(rig, lambda one: registered(one, client_secret_expires_at=SOON)),
    "client of another region": lambda rig: put(rig, lambda one: registered(one, region="eu-west-1")),
    "client with another secret": lambda rig: put(rig, lambda one: registered(one, client_secret="other")),
    "client unknown": lambda rig: put(rig, lambda one: replace(one, registration=None)),
    "no refresh token": lambda rig: put(rig, without_refresh_token),
    "damaged": damaged,
    "row without sense": row_without_sense,
    "odd lease": odd_lease,
    "row of another kind": row_of_another_kind,
    "journal of a removed one": journal_of_a_removed_one,
    "folder in its place": folder_in_its_place,
}
NONE = {"no login", "damaged", "row without sense", "journal of a removed one", "folder in its place"}


def attempt(rig: Rig, redrives: int) -> str:
    """Do as the machine does in one execution: a temporary error is tried again, any other one ends it."""
    wanted = rig.wanted(redrives=redrives)
    for _ in range(12):
        try:
            if rig.check(wanted)["status"] == "valid":
                return "valid"
            asked = rig.start(wanted)
        except TemporaryError:
            continue
        except StepherdError as error:
            return type(error).__name__
        rig.provider.approve()
        rig.machine.open_tokens = {"t1"}
        if rig.complete(asked) == "declined":
            return "declined"
    return "tried too often"


@pytest.mark.exhaustive
@pytest.mark.parametrize("state", STATES)
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(refusals=st.lists(st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(ANSWERS)), max_size=8))
def test_whatever_was_refused_a_redrive_comes_to_a_good_login(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, state: str, refusals: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr("stepherd.logins.renewal._GRACE_SECONDS", 0)
    shutil.rmtree(rig.folder, ignore_errors=True)
    rig.provider.recover()
    STATES[state](rig)
    before = None if state in NONE else rig.stored().token
    for operation, name in refusals:
        rig.provider.script(operation, name)
    for redrives in range(REDRIVES):
        outcome = attempt(rig, redrives)
        if outcome == "valid":
            break
        # THEN what was stored stays until something better takes its place
        if before is not None:
            assert rig.stored().token is not None
    assert outcome == "valid"
    token = rig.stored().token
    assert token is not None
    assert rig.provider.knows(token.access_token)
    assert token.expires_at > datetime.now(UTC)
