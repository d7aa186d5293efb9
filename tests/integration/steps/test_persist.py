"""The step persist: what the agent renewed reaches the stored login; nothing worse does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.e2e.borrower import Borrower
from tests.identity_provider import IdentityProvider

from stepherd.agents import registry
from stepherd.logins.database import write_login
from stepherd.logins.kinds import login_kind
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import Login
from stepherd.logins.opening import open_location
from stepherd.runs.folder import DATABASE, RunFolder, run_folder
from stepherd.runs.prepare import prepare_run
from stepherd.runs.result import Result
from stepherd.services.store.opening import open_store
from stepherd.steps.execution import run_step
from stepherd.steps.termination import Termination

Q = login_kind("q")


class Site:
    """A store with a run of an agent that has a login."""

    def __init__(self, root: Path, login: Login) -> None:
        self.root = root
        self.login = login
        self.store = open_store(str(root / "store"))
        instructions = root / "instructions.md"
        instructions.write_text("# Do it\n")
        given = {
            "instructions": str(instructions),
            "repo": "https://github.com/o/n.git",
            "agent": "borrower",
            "command": "true",
        }
        self.facts = prepare_run("run_1", given, self.store)
        self.place.save(login, None)

    @property
    def folder(self) -> RunFolder:
        return run_folder(self.store, "run_1")

    @property
    def place(self) -> LoginLocation:
        return open_location(Q, self.facts["login"]["database"], None)

    def stored(self) -> Login:
        found = self.place.load()
        assert found is not None
        return found.login

    def leave(self, login: Login) -> Path:
        """Leave a database with this login, as an agent does."""
        path = self.root / "left.sqlite3"
        path.unlink(missing_ok=True)
        write_login(path, login)
        self.folder.store.upload(path, DATABASE)
        return path

    def renewed(self, minutes: int) -> Login:
        assert self.login.token is not None
        later = self.login.token.expires_at + timedelta(minutes=minutes)
        return replace(self.login, token=replace(self.login.token, access_token="new", expires_at=later))

    def persist(self, attempt: str = "") -> Result:
        return run_step("persist", self.folder, attempt, Termination(), None)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setitem(registry.__dict__["_AGENTS"], "borrower", Borrower.__module__)
    monkeypatch.setattr(Borrower, "secret_names", ("KEY",))
    with IdentityProvider() as provider:
        made = Site(tmp_path, provider.login(Q))
        monkeypatch.setenv("STEPHERD_LOGIN", made.facts["login"]["database"])
        yield made


def test_prepare_says_which_login_and_where(site: Site) -> None:
    database = (site.root / "store/logins/q/data.sqlite3").as_uri()
    assert site.facts["login"] == {"needed": True, "kind": "q", "database": database}


def test_a_named_database_counts_and_credentials_of_the_request_make_a_login_needless(site: Site) -> None:
    given = site.folder.read_request()
    request = {"instructions": given.instructions, "repo": given.repo, "agent": "borrower", "command": "true"}
    elsewhere = site.root / "elsewhere/data.sqlite3"
    facts = prepare_run("run_2", request, site.store, login_database=str(elsewhere))
    assert facts["login"]["database"] == elsewhere.as_uri()
    with_key = {**request, "agent_credentials": "env:KEY"}
    facts = prepare_run("run_3", with_key, site.store, login_database=str(elsewhere))
    assert facts["login"] == {"needed": False, "kind": "", "database": ""}
    assert facts["agent_credentials"] == "env:KEY"


def test_a_renewed_login_is_kept_and_its_copy_taken_out_of_the_run_folder(site: Site) -> None:
    new = site.renewed(30)
    site.leave(new)
    result = site.persist()
    assert result.succeeded
    assert result.facts["persisted"] is True
    assert site.stored().token == new.token
    assert not site.folder.store.exists(DATABASE)
    assert b"persisted" in site.folder.store.get("events.jsonl").body
    # AND again, for a redrive, nothing is lost and nothing is done
    assert site.persist("1.0").facts == result.facts
    assert site.stored().token == new.token
    # AND what an agent leaves in a later attempt is kept, too
    site.leave(site.renewed(40))
    assert site.persist("2.0").facts["persisted"] is True
    assert site.stored().token == site.renewed(40).token


def test_a_token_that_ends_sooner_replaces_nothing(site: Site) -> None:
    site.leave(site.renewed(-30))
    result = site.persist()
    assert (result.succeeded, result.facts["persisted"]) == (True, False)
    assert result.facts["login"]["status"] == "unchanged"
    assert site.stored() == site.login


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "no token"])
def test_a_copy_that_cannot_be_trusted_leaves_the_login_and_a_note(site: Site, damage: str) -> None:
    path = site.leave(site.renewed(30))
    if damage == "no token":
        with sqlite3.connect(path) as database:
            database.execute("DELETE FROM auth_kv")
        database.close()
        body = path.read_bytes()
    else:
        whole = path.read_bytes()
        body = {"cut": whole[: len(whole) // 2], "garbage": b"x" * len(whole), "empty": b""}[damage]
    site.folder.store.put(DATABASE, body)
    result = site.persist()
    assert result.succeeded
    assert result.facts["login"]["status"] == "rejected"
    assert "stored one stays" in result.facts["note"]
    assert site.stored() == site.login
    assert not site.folder.store.exists(DATABASE)


def test_an_agent_that_left_nothing_is_no_failure(site: Site) -> None:
    assert site.persist().facts["login"]["status"] == "absent"


def test_a_store_that_cannot_be_written_keeps_the_copy_for_a_redrive(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the copy is removed first: it may be the only one with a rotated refresh token."""
    from stepherd.errors import StorageError

    def full(*_: object, **__: object) -> None:
        raise StorageError("The disk is full.")

    site.leave(site.renewed(30))
    with monkeypatch.context() as patched:
        patched.setattr(LoginLocation, "save", full)
        assert not site.persist().succeeded
    assert site.folder.store.exists(DATABASE)
    assert site.persist("1.0").facts["persisted"] is True
