"""Kiro's social logins and those of external identity providers: good ones count, a new login ends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from tests.integration.logins_machine.rig import Rig
from tests.login_files import query, stored

from stepherd.backends.login_outlook import outlook
from stepherd.logins.kinds import login_kind
from stepherd.logins.login import Login
from stepherd.logins.persistence import keep_login
from stepherd.services.store.opening import open_store

KIRO = login_kind("kiro")
ROWS = {"kirocli:social:token": "social login", "kirocli:external-idp:token": "external identity provider"}


@pytest.fixture
def kiro(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr("stepherd.logins.renewal._GRACE_SECONDS", 0)
    rig.kind = KIRO
    return rig


def path_of(rig: Rig) -> Path:
    return rig.folder / "logins/kiro/data.sqlite3"


def put(rig: Rig, row: str, seconds: int, **fields: object) -> None:
    """A token as kiro-cli keeps it, in a database that may hold another login."""
    path = path_of(rig)
    if not path.exists():
        path.parent.mkdir(parents=True)
        stored(path, Login(KIRO))
    ends = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    token = {"access_token": "social-access", "refresh_token": "social-refresh", "expires_at": ends, **fields}
    query(path, "INSERT INTO auth_kv VALUES (?, ?)", row, json.dumps(token))


def rows(rig: Rig) -> set[object]:
    return {key for (key,) in query(path_of(rig), "SELECT key FROM auth_kv")}


def next_run(rig: Rig) -> str:
    backend = Mock(
        knows=lambda _: False, login_database=lambda *_: None, store=lambda: open_store(str(rig.folder))
    )
    return outlook(backend, "kiro", None, datetime.now(UTC)).next_run


@pytest.mark.parametrize(("row", "account"), ROWS.items())
def test_a_good_one_is_a_login(kiro: Rig, row: str, account: str) -> None:
    put(kiro, row, 3600)
    facts = kiro.check()
    assert (facts["status"], facts["account"]) == ("valid", account)
    assert kiro.provider.calls == []
    (event,) = kiro.events()
    assert "only kiro-cli renews it" in event["text"]
    assert next_run(kiro) == "passes"


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(("seconds", "fields"), [(-5, {}), (30, {}), (3600, {"access_token": 5})])
def test_one_that_is_not_good_asks_a_person(
    kiro: Rig, row: str, seconds: int, fields: dict[str, object]
) -> None:
    put(kiro, row, seconds, **fields)
    assert kiro.check()["status"] == "needed"
    assert next_run(kiro) == "asks"


def test_a_good_one_counts_where_the_other_login_cannot_be_renewed(kiro: Rig) -> None:
    kiro.give_login(seconds=-10)
    kiro.provider.forget_clients()
    put(kiro, "kirocli:social:token", 3600)
    assert kiro.check()["account"] == "social login"


def test_one_is_not_meant_where_an_identity_provider_is_named(kiro: Rig) -> None:
    put(kiro, "kirocli:social:token", 3600)
    wanted = kiro.wanted(identity_provider=kiro.provider.start_url, license="pro")
    assert kiro.check(wanted)["status"] == "needed"


@pytest.mark.parametrize("seconds", [-5, 3600])
def test_a_new_login_leaves_no_older_token_that_could_win(kiro: Rig, seconds: int) -> None:
    for row in ROWS:
        put(kiro, row, seconds)
    query(path_of(kiro), "INSERT INTO auth_kv VALUES ('other', 'stays')")
    wanted = kiro.wanted(force=True)
    assert kiro.check(wanted)["status"] == "needed"
    asked = kiro.start(wanted)
    kiro.provider.approve()
    assert kiro.complete(asked) == "approved"
    assert kiro.check(wanted)["account"] == "Builder ID"
    assert rows(kiro) == {KIRO.row, KIRO.registration_row, "other"}


def test_a_renewal_leaves_the_other_tokens_alone(kiro: Rig) -> None:
    kiro.give_login(seconds=-10)
    put(kiro, "kirocli:social:token", 3600)
    assert kiro.check()["account"] == "Builder ID"
    assert "kirocli:social:token" in rows(kiro)


def test_what_a_run_leaves_behind_of_such_a_login_is_not_taken_over(kiro: Rig, tmp_path: Path) -> None:
    put(kiro, "kirocli:social:token", 3600)
    before = path_of(kiro).read_bytes()
    left = tmp_path / "left.sqlite3"
    left.write_bytes(before)
    kept = keep_login(kiro.place, left)
    assert "only the CLI renews" in kept.reason
    assert path_of(kiro).read_bytes() == before
