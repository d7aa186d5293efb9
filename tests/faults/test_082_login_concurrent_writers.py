"""Fault 82 (logins): writers meet. 412 means read again and merge, 409 means the same again; never swapped.

Expected: of all tokens that processes write at once, the one that ends last stays, and no one's other rows
are lost; a lease that many take at once has one holder.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.login_files import Q, a_login, query, stored
from tests.login_writers import TURNS, at_once, save, save_or_talk, take
from tests.moto_server import moto_server

from stepherd.logins.database import with_login
from stepherd.logins.lease import Holder, lease_holder, take_lease
from stepherd.logins.location import LoginLocation
from stepherd.logins.location_object import ObjectDatabase
from stepherd.logins.login import Login
from stepherd.logins.opening import open_location
from stepherd.services.store.contract import PreconditionFailed, WriteConflict

HOUR = timedelta(hours=1)
WRITERS = 4


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The endpoint of an S3 that processes share."""
    with moto_server() as address:
        yield address


@pytest.fixture(params=["file", "s3"])
def reference(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "file":
        return str(tmp_path / "data.sqlite3")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", request.getfixturevalue("s3"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    bucket = f"bucket-{os.urandom(4).hex()}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/logins/data.sqlite3"


def test_of_tokens_that_processes_write_at_once_the_last_to_end_stays(reference: str, tmp_path: Path) -> None:
    place = open_location(Q, reference)
    first = place.save(a_login("0", ends=HOUR / 2), None)
    work = [(reference, first.etag, n) for n in range(1, WRITERS + 1)]
    assert at_once(save, work) == ["done"] * WRITERS
    found = place.load()
    assert found is not None
    assert found.login == a_login(str(WRITERS), ends=WRITERS * HOUR)
    assert place.download(tmp_path / "copy")
    assert query(tmp_path / "copy", "PRAGMA integrity_check") == [("ok",)]


def test_first_writers_at_once_make_one_database(reference: str) -> None:
    assert at_once(save, [(reference, "", n) for n in range(1, WRITERS + 1)]) == ["done"] * WRITERS
    found = open_location(Q, reference).load()
    assert found is not None
    assert found.login == a_login(str(WRITERS), ends=WRITERS * HOUR)


@pytest.mark.exhaustive
@pytest.mark.parametrize("before", [None, Holder("arn:finished", "run_finished")])
def test_of_many_who_take_a_lease_at_once_one_has_it(reference: str, before: Holder | None) -> None:
    place = open_location(Q, reference)
    if before is not None:
        take_lease(place, before, lambda _: True)
    found = at_once(take, [(reference, n) for n in range(WRITERS)])
    holder = lease_holder(place)
    assert holder is not None
    assert sorted(found, key=str) == sorted([None] + [holder.run_id] * (WRITERS - 1), key=str)
    assert found[int(holder.run_id.removeprefix("run_"))] is None


class Racing:
    """A place whose database answers writes with scripted errors, which others cause or not."""

    def __init__(self, place: LoginLocation, *errors: Exception | Login) -> None:
        self.place = place
        self.errors = list(errors)
        self.written: list[tuple[Login, str | None]] = []
        self.real = ObjectDatabase.write

    def write(self, database: ObjectDatabase, login: Login, etag: str | None, **how: Any) -> str:
        self.written.append((login, etag))
        if not self.errors:
            return self.real(database, login, etag, **how)
        error = self.errors.pop(0)
        if isinstance(error, Login):
            self.real(database, error, etag)
            raise PreconditionFailed("412")
        raise error


@pytest.fixture
def place(tmp_path: Path) -> LoginLocation:
    local = open_location(Q, f"{tmp_path}/")
    return LoginLocation(
        Q, local.reference, local.folder, "", ObjectDatabase(Q, local.folder, "data.sqlite3")
    )


def test_after_a_conflict_the_same_is_written_again(
    place: LoginLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = place.save(a_login(), None)
    racing = Racing(place, WriteConflict("409"), WriteConflict("409"))
    monkeypatch.setattr(ObjectDatabase, "write", lambda *args, **how: racing.write(*args, **how))
    place.save(a_login("two", ends=2 * HOUR), first.etag)
    assert racing.written == [(a_login("two", ends=2 * HOUR), first.etag)] * 3


@pytest.mark.parametrize(("theirs", "stays"), [(3, "theirs"), (1, "ours")])
def test_after_a_lost_race_what_is_there_now_is_merged(
    theirs: int, stays: str, place: LoginLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = place.save(a_login(), None)
    ours, other = a_login("ours", ends=2 * HOUR), a_login("theirs", ends=theirs * HOUR)
    racing = Racing(place, other)
    monkeypatch.setattr(ObjectDatabase, "write", lambda *args, **how: racing.write(*args, **how))
    saved = place.save(ours, first.etag)
    assert saved.login == {"ours": ours, "theirs": other}[stays]
    assert place.load() == saved
    assert len(racing.written) == (2 if stays == "ours" else 1)


@pytest.mark.parametrize("there", [True, False])
def test_a_writer_who_comes_between_reading_and_writing_is_not_written_over(
    there: bool, place: LoginLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one's object lands just before our put, which is why that has a condition."""
    first = place.save(a_login(), None) if there else None
    theirs, put = with_login(None, a_login("theirs", ends=3 * HOUR), "new"), type(place.folder).put

    def race(store: Any, key: str, body: bytes, **conditions: Any) -> str:
        monkeypatch.setattr(type(place.folder), "put", put)
        put(store, key, theirs)
        return put(store, key, body, **conditions)

    monkeypatch.setattr(type(place.folder), "put", race)
    saved = place.save(a_login("ours", ends=2 * HOUR), first and first.etag)
    assert saved.login == a_login("theirs", ends=3 * HOUR)
    assert place.load() == saved


def test_rows_that_the_cli_writes_at_the_same_time_stay(tmp_path: Path) -> None:
    """The file is changed in place by transactions; replacing it would lose what the CLI writes."""
    path = stored(tmp_path / "data.sqlite3")
    results = at_once(save_or_talk, [(str(path), n) for n in range(WRITERS)])
    assert results == ["done"] * WRITERS
    talks = query(path, "SELECT count(*) FROM conversations")
    assert talks == [(TURNS * (WRITERS // 2),)]
