"""Where logins are kept: a file on disk and an object on S3 behave alike."""

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from tests.login_files import Q, a_login, a_token, open_as_the_cli, query, stored

from stepherd.errors import TemporaryError, UsageError
from stepherd.logins.database import read_login
from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.kinds import LoginKind
from stepherd.logins.location import LoginLocation
from stepherd.logins.location_file import FileDatabase
from stepherd.logins.location_object import ObjectDatabase
from stepherd.logins.login import Login, Profile
from stepherd.logins.opening import open_location
from stepherd.services.store.contract import PreconditionFailed, WriteConflict
from stepherd.services.store.opening import open_store

HOUR = timedelta(hours=1)


def damage(place: LoginLocation) -> None:
    name = place.reference.rpartition("/")[2]
    place.folder.put(name, b"SQLite format 3\0" + b"rot" * 5_000)


def test_what_is_saved_is_loaded_and_opens_for_the_cli(place: LoginLocation, tmp_path: Path) -> None:
    assert place.load() is None
    assert not place.download(tmp_path / "copy")
    saved = place.save(a_login(), None)
    assert saved.login == a_login()
    assert place.load() == saved
    assert place.download(tmp_path / "copy")
    assert open_as_the_cli(tmp_path / "copy") == []
    assert read_login(tmp_path / "copy", Q) == a_login()
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600


def test_a_login_made_from_what_is_stored_replaces_it(place: LoginLocation) -> None:
    first = place.save(a_login(), None)
    second = place.save(a_login("two", ends=HOUR / 2), first.etag)
    assert second.login == a_login("two", ends=HOUR / 2)
    assert second.etag != first.etag


def test_a_login_made_from_something_older_is_merged_by_its_end(place: LoginLocation) -> None:
    first = place.save(a_login(), None)
    place.save(a_login("theirs", ends=2 * HOUR), first.etag)
    assert place.save(a_login("worse", ends=HOUR), first.etag).login == a_login("theirs", ends=2 * HOUR)
    assert place.save(a_login("better", ends=3 * HOUR), first.etag).login == a_login("better", ends=3 * HOUR)


def test_a_person_who_logs_in_anew_counts_whatever_is_stored(place: LoginLocation) -> None:
    place.save(a_login(ends=9 * HOUR), None)
    anew = a_login("anew", client="two")
    assert place.save(anew, None, replaces=True).login == anew
    loaded = place.load()
    assert loaded is not None
    assert loaded.login == anew


@pytest.mark.parametrize("client", ["one", "two"])
@pytest.mark.parametrize("to", [None, "https://b.awsapps.com/start"])
def test_a_company_s_profile_does_not_stay_for_another_provider(
    place: LoginLocation, client: str, to: str | None
) -> None:
    profile = Profile("arn:aws:codewhisperer:us-east-1:1:profile/A", "A")
    place.save(a_login(start_url="https://a.awsapps.com/start", profile=profile), None)
    place.save(a_login("anew", client=client, start_url=to), None, replaces=True, ends_others=True)
    found = place.load()
    assert found is not None
    assert found.login == a_login("anew", client=client, start_url=to)


def test_other_rows_stay_when_a_login_is_saved(place: LoginLocation, tmp_path: Path) -> None:
    path = stored(tmp_path / "theirs")
    query(path, "INSERT INTO conversations VALUES ('/work', 'long')")
    query(path, "INSERT INTO auth_kv VALUES ('kirocli:social:token', '{}')")
    place.folder.upload(path, "data.sqlite3")
    loaded = place.load()
    assert loaded is not None
    place.save(a_login("two"), loaded.etag)
    assert place.download(tmp_path / "copy")
    assert query(tmp_path / "copy", "SELECT value FROM conversations") == [("long",)]
    assert query(tmp_path / "copy", "SELECT value FROM auth_kv WHERE key LIKE 'kirocli%'") == [("{}",)]


@pytest.mark.parametrize("end", ["-journal", "-wal"])
def test_what_is_left_of_a_removed_database_does_not_come_back(tmp_path: Path, end: str) -> None:
    path = tmp_path / "logins/q/data.sqlite3"
    place = open_location(Q, str(path))
    place.save(a_login("removed"), None)
    query(path, f"PRAGMA journal_mode={'WAL' if end == '-wal' else 'DELETE'}")
    with closing(sqlite3.connect(path, isolation_level=None)) as killed:
        killed.execute("PRAGMA cache_size=1")
        killed.execute("BEGIN IMMEDIATE")
        killed.execute("UPDATE auth_kv SET value = value || ' '")
        killed.executemany("INSERT INTO history (command) VALUES (?)", [("x" * 4_000,)] * 50)
        if end == "-wal":
            killed.execute("COMMIT")
        left = path.with_name(f"data.sqlite3{end}").read_bytes()
    path.unlink()
    path.with_name(f"data.sqlite3{end}").write_bytes(left)
    # WHEN a person logs in
    place.save(a_login("anew"), None, replaces=True)
    # THEN that is the login, in a database with nothing else in it
    found = place.load()
    assert found is not None
    assert found.login == a_login("anew")
    assert query(path, "SELECT count(*) FROM history") == [(0,)]
    assert open_as_the_cli(path) == []
    assert path.with_name(f"data.sqlite3.damaged{end}").read_bytes() == left


def test_what_is_moved_aside_is_private_and_replaces_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "data.sqlite3"
    (tmp_path / "data.sqlite3.damaged/kept").mkdir(parents=True)
    place = open_location(Q, str(path))
    for damaged in (b"rot" * 100, b"more rot" * 100):
        path.write_bytes(damaged)
        path.chmod(0o644)
        assert place.save(a_login(), None, replaces=True).login == a_login()
        aside = tmp_path / "data.sqlite3.damaged.2"
        assert (aside.read_bytes(), stat.S_IMODE(aside.stat().st_mode)) == (damaged, 0o600)
    # AND a folder in its place makes way, as an empty one does that a container's mount has made
    path.unlink()
    path.mkdir()
    assert place.save(a_login(), None, replaces=True).login == a_login()
    assert (tmp_path / "data.sqlite3.damaged.3").is_dir()


def refuses_to_take(place: LoginLocation) -> None:
    for use in (place.check_target, lambda: place.save(a_login(), None, replaces=True)):
        with pytest.raises(UsageError, match="is no login database, but another file"):
            use()


@pytest.mark.parametrize("kept", ["file", "s3"])
def test_a_file_that_is_something_else_is_refused_and_stays(
    tmp_path: Path, kept: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"s3://{request.getfixturevalue('bucket')}" if kept == "s3" else str(tmp_path)
    place = open_location(Q, f"{where}/notes.txt")
    for notes, most in ((b"precious\n" * 20, 10**6), (b"precious\n" * 20, 10)):
        monkeypatch.setattr("stepherd.logins.location_object.MOST_BYTES", most)
        place.folder.put("notes.txt", notes)
        refuses_to_take(place)
        assert place.folder.get("notes.txt").body == notes
    # AND what is damaged under a name that says what it was makes way
    place = open_location(Q, f"{where}/")
    place.folder.put("data.sqlite3", b"rot" * 100)
    place.check_target()
    monkeypatch.setattr("stepherd.logins.location_object.MOST_BYTES", 10**6)
    assert place.save(a_login(), None, replaces=True).login == a_login()


@pytest.mark.parametrize("kept", ["file", "s3"])
def test_another_program_s_database_is_refused_and_stays(
    tmp_path: Path, kept: str, request: pytest.FixtureRequest
) -> None:
    where = f"s3://{request.getfixturevalue('bucket')}" if kept == "s3" else str(tmp_path)
    query(tmp_path / "their.sqlite", "CREATE TABLE cookies (name TEXT)")
    theirs = (tmp_path / "their.sqlite").read_bytes()
    place = open_location(Q, f"{where}/history.sqlite")
    place.folder.put("history.sqlite", theirs)
    refuses_to_take(place)
    assert place.folder.get("history.sqlite").body == theirs
    # AND what has lost its login under the name that the CLIs give makes way
    place = open_location(Q, f"{where}/")
    place.folder.put("data.sqlite3", theirs)
    place.check_target()
    assert place.save(a_login(), None, replaces=True).login == a_login()


def test_a_pipe_or_a_device_is_refused_and_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.sqlite3")
    place = open_location(Q, str(tmp_path / "data.sqlite3"))
    for use in (place.load, lambda: place.save(a_login(), None, replaces=True)):
        with pytest.raises(UsageError, match="a device, a pipe or a socket"):
            use()
    assert (tmp_path / "data.sqlite3").is_fifo()


def test_a_damaged_database_is_never_written_over_but_by_a_person(
    place: LoginLocation, tmp_path: Path
) -> None:
    damage(place)
    bad = place.folder.get("data.sqlite3").body
    for use in (place.load, lambda: place.save(a_login(), None), lambda: place.download(tmp_path / "copy")):
        with pytest.raises(DamagedDatabase):
            use()
    assert place.folder.get("data.sqlite3").body == bad
    assert place.save(a_login(), None, replaces=True).login == a_login()
    assert place.folder.get("data.sqlite3.damaged").body == bad
    loaded = place.load()
    assert loaded is not None
    assert loaded.login == a_login()


def test_writers_all_at_once_lose_nothing(place: LoginLocation) -> None:
    """Ten threads save tokens of different ends; the last one stays, whatever the order."""
    first = place.save(a_login("0"), None)

    def write(n: int) -> None:
        while True:
            with suppress(TemporaryError):
                place.save(a_login(str(n), ends=(1 + n) * HOUR), first.etag)
                return

    with ThreadPoolExecutor(9) as threads:
        list(threads.map(write, (3, 9, 1, 5, 8, 2, 7, 4, 6)))
    loaded = place.load()
    assert loaded is not None
    assert loaded.login == a_login("9", ends=10 * HOUR)


@pytest.mark.parametrize("error", [PreconditionFailed("412"), WriteConflict("409")])
def test_writers_who_are_always_first_end_in_a_temporary_error(
    error: Exception, place: LoginLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def refuse(*_: object) -> str:
        calls.append(1)
        raise error

    monkeypatch.setattr(type(place.database), "write", refuse)
    with pytest.raises(TemporaryError):
        place.save(a_login(), None)
    assert len(calls) == 8


def test_references_say_what_serves_them(tmp_path: Path, bucket: str, kind: LoginKind) -> None:
    store = open_store(str(tmp_path / "a b"))
    default = open_location(kind, None, store)
    assert default.reference == f"{store.reference}/logins/q/data.sqlite3"
    assert isinstance(default.database, FileDatabase)
    default.save(a_login(), None)
    for reference in (
        default.reference,
        str(tmp_path / "a b/logins/q/data.sqlite3"),
        f"{tmp_path}/a b/logins/q/",
    ):
        same = open_location(kind, reference)
        assert (same.reference, same.load()) == (default.reference, default.load())
    on_s3 = open_location(kind, f"s3://{bucket}/logins/q/")
    assert (on_s3.reference, on_s3.lease_key) == (f"s3://{bucket}/logins/q/data.sqlite3", "lease.json")
    assert isinstance(on_s3.database, ObjectDatabase)
    named = open_location(kind, f"s3://{bucket}/mine.sqlite3")
    assert (named.lease_key, named.attempt_key("a")) == (
        "mine.sqlite3.lease.json",
        "mine.sqlite3.attempts/a.json",
    )
    assert open_location(kind, None, open_store(f"s3://{bucket}/home")).reference == (
        f"s3://{bucket}/home/logins/q/data.sqlite3"
    )


@pytest.mark.parametrize("reference", ["", None, "s3://bucket", "file:///", "ftp://x/y", "s3:///x"])
def test_a_reference_that_names_no_database_is_refused(
    reference: str | None, aws_settings: None, kind: LoginKind
) -> None:
    with pytest.raises(UsageError):
        open_location(kind, reference).load()


def test_an_object_that_is_too_large_is_refused_without_fetching_it(
    bucket: str, kind: LoginKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = open_location(kind, f"s3://{bucket}/data.sqlite3")
    place.save(a_login(), None)
    monkeypatch.setattr("stepherd.logins.location_object.MOST_BYTES", 1_000)
    with monkeypatch.context() as patched:
        patched.setattr(type(place.folder), "get", lambda *_: pytest.fail("was fetched"))
        with pytest.raises(DamagedDatabase, match="larger"):
            place.load()
        place.save(a_login("two"), None, replaces=True)
    monkeypatch.setattr("stepherd.logins.location_object.MOST_BYTES", 100_000)
    loaded = place.load()
    assert loaded is not None
    assert loaded.login == a_login("two")


def test_the_cli_can_use_a_file_while_it_is_written(tmp_path: Path) -> None:
    """The file keeps its inode: a CLI that has it open sees the new login, and its own writes stay."""
    path = stored(tmp_path / "data.sqlite3")
    inode = path.stat().st_ino
    place = open_location(Q, str(path))
    loaded = place.load()
    assert loaded is not None
    query(path, "INSERT INTO state VALUES ('telemetryClientId', '\"mine\"')")
    place.save(Login(Q, a_token("two")), loaded.etag)
    assert path.stat().st_ino == inode
    assert query(path, "SELECT value FROM state WHERE key = 'telemetryClientId'") == [('"mine"',)]
