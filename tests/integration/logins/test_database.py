"""The login database, on real SQLite: what we write, the CLI can use, and the other way round."""

import json
import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.login_files import (
    MIGRATIONS,
    NOW,
    Q,
    a_login,
    a_registration,
    a_token,
    open_as_the_cli,
    query,
    stored,
)

from stepherd.errors import NotFoundError, StorageError, TemporaryError
from stepherd.logins.database import copy_database, read_login, write_login
from stepherd.logins.failures import DamagedDatabase, NewerDatabase
from stepherd.logins.kinds import login_kind
from stepherd.logins.login import Login, Profile
from stepherd.logins.opening import open_location

KIRO = login_kind("kiro")
TABLES = ("migrations", "history", "state", "auth_kv", "conversations")


def test_a_new_file_is_up_to_date_for_the_cli(tmp_path: Path) -> None:
    path = stored(tmp_path / "new/folder/data.sqlite3")
    assert open_as_the_cli(path) == []
    assert read_login(path, Q) == a_login()
    assert query(path, "SELECT version FROM migrations ORDER BY id") == [(n,) for n in range(8)]


def test_our_tables_are_those_that_the_migrations_make(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()
    assert open_as_the_cli(tmp_path / "theirs") == list(range(len(MIGRATIONS)))
    ours = stored(tmp_path / "ours")
    for table in TABLES:
        info = f"PRAGMA table_xinfo({table})"
        assert query(ours, info) == query(tmp_path / "theirs", info)
    names = "SELECT name, type FROM sqlite_schema ORDER BY 1"
    assert query(ours, names) == query(tmp_path / "theirs", names)


def test_a_file_with_only_the_login_table_does_not_open_for_the_cli_and_is_no_database_to_us(
    tmp_path: Path,
) -> None:
    query(tmp_path / "bare", "CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)")
    with pytest.raises(sqlite3.OperationalError, match="auth_kv already exists"):
        open_as_the_cli(tmp_path / "bare")
    with pytest.raises(DamagedDatabase, match="no table state"):
        read_login(tmp_path / "bare", Q)


def test_values_are_text_and_names_in_state_are_quoted_json(tmp_path: Path) -> None:
    path = stored(tmp_path / "db", replace(a_login(), profile=Profile("arn:aws:x", "Größe")))
    rows = "SELECT key, typeof(value) FROM auth_kv UNION SELECT key, typeof(value) FROM state"
    assert {kind for _, kind in query(path, rows)} == {"text"}
    state = dict(query(path, "SELECT key, value FROM state"))
    assert state["auth.idc.region"] == '"us-east-1"'
    assert state["auth.idc.start-url"] == '"https://view.awsapps.com/start"'
    assert json.loads(str(state[Q.profile_key])) == {"arn": "arn:aws:x", "profile_name": "Größe"}
    assert read_login(path, Q).profile == Profile("arn:aws:x", "Größe")


def test_the_token_stands_as_the_cli_reads_it(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    [(text,)] = query(path, "SELECT value FROM auth_kv WHERE key = 'codewhisperer:odic:token'")
    assert json.loads(str(text)) == {
        "access_token": "access-one",
        "expires_at": "2026-11-21T13:00:00Z",
        "refresh_token": "refresh-one",
        "region": "us-east-1",
        "start_url": None,
        "oauth_flow": "DeviceCode",
        "scopes": list(Q.scopes),
    }


def test_files_are_private_whatever_they_were(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = stored(tmp_path / "db")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o666)
        write_login(path, a_login("two"))
        copy_database(path, tmp_path / "folder/copy")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "folder/copy").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700


def test_what_the_cli_keeps_there_stays_when_a_login_is_written(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    for sql in (
        "INSERT INTO conversations VALUES ('/work', '{}')",
        "INSERT INTO state VALUES ('telemetryClientId', '\"u\"')",
        "INSERT INTO auth_kv VALUES ('kirocli:social:token', '{\"access_token\":\"s\"}')",
        "CREATE TABLE conversations_v2 (key TEXT, value TEXT)",
        "INSERT INTO conversations_v2 VALUES ('/work', 'x')",
        "CREATE INDEX by_key ON conversations_v2 (key)",
        "INSERT INTO migrations (version, migration_time) VALUES (8, 1), (9, 1)",
        "ALTER TABLE auth_kv ADD COLUMN added INTEGER DEFAULT 7",
    ):
        query(path, sql)
    tables = [name for (name,) in query(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")]

    def content() -> dict[object, list[tuple[object, ...]]]:
        keep = f"WHERE key NOT IN ('{Q.row}', '{Q.registration_row}') AND key NOT LIKE 'auth.idc%'"
        return {
            t: query(path, f"SELECT * FROM {t} {keep if t in ('auth_kv', 'state') else ''}") for t in tables
        }

    before = content()
    write_login(path, a_login("two", client="two"))
    assert content() == before
    assert read_login(path, Q) == a_login("two", client="two")
    assert open_as_the_cli(path) == []


def test_a_database_that_a_newer_cli_migrated_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    for sql in (
        "INSERT INTO migrations (version, migration_time) VALUES (8, 1), (9, 1)",
        "ALTER TABLE state ADD COLUMN updated_at INTEGER",
        "CREATE TABLE sessions (id TEXT PRIMARY KEY) WITHOUT ROWID",
        "DROP TABLE history",
    ):
        query(path, sql)
    schema = "SELECT name, sql FROM sqlite_schema ORDER BY name"
    done = "SELECT version, migration_time FROM migrations ORDER BY id"
    before = query(path, schema), query(path, done)
    assert read_login(path, Q) == a_login()
    write_login(path, a_login("two"))
    assert read_login(path, Q) == a_login("two")
    assert (query(path, schema), query(path, done)) == before
    assert open_as_the_cli(path) == []


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE auth_kv",
        "ALTER TABLE state RENAME COLUMN value TO text",
        "UPDATE auth_kv SET value = json_set(value, '$.expires_at', 1796000000)",
        "UPDATE auth_kv SET value = 'v2:' || value",
    ],
)
@pytest.mark.parametrize("newer", [True, False])
def test_one_that_cannot_be_read_for_being_newer_is_not_taken_for_damaged(
    tmp_path: Path, change: str, newer: bool
) -> None:
    path = stored(tmp_path / "db")
    query(path, change)
    if newer:
        query(path, "INSERT INTO migrations (version, migration_time) VALUES (8, 1)")
    before = path.read_bytes()
    with pytest.raises(NewerDatabase if newer else DamagedDatabase):
        read_login(path, Q)
    # WHEN a person logs in, THEN only a damaged one is moved aside
    location = open_location(Q, str(path))
    if newer:
        with pytest.raises(NewerDatabase):
            location.save(a_login("two"), None, replaces=True)
        assert path.read_bytes() == before
    else:
        location.save(a_login("two"), None, replaces=True)
        assert path.with_name("db.damaged").read_bytes() == before


def test_two_kinds_share_a_file_without_touching_each_other(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    kiro = Login(KIRO, a_token("kiro"), a_registration("kiro"))
    write_login(path, kiro)
    assert (read_login(path, Q), read_login(path, KIRO)) == (a_login(), kiro)


def test_a_row_without_sense_of_another_kind_is_in_nobodys_way(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    query(path, "INSERT INTO auth_kv VALUES ('kirocli:odic:token', '{\"access_token\": 5}')")
    write_login(path, a_login("renewed"))
    assert read_login(path, Q) == a_login("renewed")
    with pytest.raises(DamagedDatabase):
        read_login(path, KIRO)


def test_a_missing_refresh_token_or_registration_deletes_nothing(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    write_login(path, Login(Q, a_token("two", refresh_token=None), a_registration()))
    write_login(path, Login(Q, a_token("three")))
    found = read_login(path, Q)
    assert found.registration == a_registration()
    write_login(path, Login(Q))
    assert read_login(path, Q) == found


def test_a_new_logins_lack_of_a_refresh_token_does_not_leave_the_old_ones(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    other = a_login("two", client="two", refresh_token=None)
    write_login(path, other)
    assert read_login(path, Q) == other


def test_fields_that_only_the_cli_knows_stay_with_their_login_and_go_with_another(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    query(path, "UPDATE auth_kv SET value = json_set(value, '$.profile_arn', 'arn:x')")
    query(path, "UPDATE state SET value = json_set(value, '$.x', 1) WHERE value LIKE '{%'")
    field = f"SELECT json_extract(value, '$.profile_arn') FROM auth_kv WHERE key = '{Q.row}'"
    write_login(path, a_login("two"))
    assert query(path, field) == [("arn:x",)]
    write_login(path, a_login("three", client="other"))
    assert query(path, field) == [(None,)]


def test_a_profile_goes_with_its_customization_when_another_one_comes(tmp_path: Path) -> None:
    portal = "https://d-1.awsapps.com/start"
    company = a_login(start_url=portal, profile=Profile("arn:1", "one"))
    path = stored(tmp_path / "db", company)
    query(path, "INSERT INTO state VALUES ('api.selectedCustomization', '{}')")
    customized = "SELECT count(*) FROM state WHERE key = 'api.selectedCustomization'"
    write_login(path, company)
    write_login(path, a_login("two", start_url=portal))
    assert query(path, customized) == [(1,)]
    assert read_login(path, Q).profile == Profile("arn:1", "one")
    write_login(path, replace(company, profile=Profile("arn:2", "two")))
    assert query(path, customized) == [(0,)]
    write_login(path, a_login("free"))
    assert read_login(path, Q).profile is None


def test_there_being_no_file_is_not_damage(tmp_path: Path) -> None:
    for check in (lambda path: read_login(path, Q), lambda path: copy_database(path, path)):
        with pytest.raises(NotFoundError):
            check(tmp_path / "none")


def test_a_database_that_the_cli_made_is_read(tmp_path: Path) -> None:
    path = tmp_path / "db"
    path.touch()
    open_as_the_cli(path)
    assert read_login(path, Q) == Login(Q)
    query(path, "INSERT INTO auth_kv VALUES (?, 'null')", Q.row)
    assert read_login(path, Q) == Login(Q)
    times = '"expires_at":"2026-11-21T12:00:00.123456789Z"'
    token = f'{{"access_token":"a",{times},"oauth_flow":"DeviceCode","more":1}}'
    query(path, "UPDATE auth_kv SET value = ?", token)
    found = read_login(path, Q).token
    assert found is not None
    assert (found.access_token, found.expires_at - NOW) == ("a", timedelta(microseconds=123456))


def test_a_reader_waits_for_no_writer_forever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepherd.logins.snapshots._SECONDS", 0.2)
    monkeypatch.setattr("stepherd.logins.snapshots.BUSY_SECONDS", 0.1)
    path = stored(tmp_path / "db")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TemporaryError):
            read_login(path, Q)
    assert read_login(path, Q) == a_login()


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Writing"):
        write_login(tmp_path / "file/db", a_login())


def test_what_is_raised_inside_the_transaction_leaves_no_trace(tmp_path: Path) -> None:
    path = stored(tmp_path / "db")
    before = path.read_bytes()

    def refuse(found: Login) -> None:
        assert found == a_login()
        raise KeyError("no")

    with pytest.raises(KeyError):
        write_login(path, a_login("two"), before=refuse)
    assert path.read_bytes() == before
    with pytest.raises(AssertionError):
        write_login(tmp_path / "new", a_login("two"), before=refuse)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["db"]
