"""Fault 80: the login database is in WAL mode, or a killed writer left a journal beside it.

Expected: all committed rows are read and copied, nothing that was not committed is, and nothing is lost when
a login is written into it. (A plain copy loses rows: facts/git-and-secrets.md 7.)
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.login_files import NOW, Q, a_login, query, stored

from stepherd.logins.database import copy_database, read_login, write_login
from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.opening import open_location
from stepherd.logins.persistence import keep_login

NEW = a_login("new", ends=timedelta(hours=2))
TOKEN = f"UPDATE auth_kv SET value = json_set(value, '$.access_token', ?) WHERE key = '{Q.row}'"


@pytest.fixture
def wal(tmp_path: Path) -> Iterator[Path]:
    """A database whose last login is in its log alone, since a writer has it open."""
    path = stored(tmp_path / "wal.sqlite3")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        with writer:
            writer.execute(TOKEN, ("in-the-log",))
            writer.executemany("INSERT INTO conversations VALUES (?, 'x')", [(str(n),) for n in range(10)])
        yield path


def access_token(path: Path) -> str:
    token = read_login(path, Q).token
    assert token is not None
    return token.access_token


def test_the_fault_is_real(wal: Path, tmp_path: Path) -> None:
    shutil.copy(wal, tmp_path / "copy")
    assert access_token(tmp_path / "copy") == "access-one"


def test_what_is_only_in_the_log_is_read_and_copied(wal: Path, tmp_path: Path) -> None:
    assert access_token(wal) == "in-the-log"
    copy_database(wal, tmp_path / "copy")
    assert [entry.name for entry in tmp_path.glob("copy*")] == ["copy"]
    assert access_token(tmp_path / "copy") == "in-the-log"
    assert query(tmp_path / "copy", "SELECT count(*) FROM conversations") == [(10,)]
    assert query(tmp_path / "copy", "PRAGMA journal_mode") == [("delete",)]


def test_a_login_is_written_beside_what_is_in_the_log(wal: Path) -> None:
    write_login(wal, NEW)
    assert read_login(wal, Q) == NEW
    assert query(wal, "SELECT count(*) FROM conversations") == [(10,)]


def test_a_log_that_a_killed_agent_left_counts_for_what_is_kept(wal: Path, tmp_path: Path) -> None:
    left = tmp_path / "left/data.sqlite3"
    left.parent.mkdir()
    write_login(wal, NEW)
    for end in ("", "-wal", "-shm"):
        shutil.copy(f"{wal}{end}", f"{left}{end}")
    place = open_location(Q, f"{tmp_path}/store/")
    place.save(a_login(), None)
    assert keep_login(place, left, NOW).status == "kept"
    found = place.load()
    assert found is not None
    assert found.login == NEW


def test_an_object_in_wal_mode_is_read_and_stays_usable(wal: Path, tmp_path: Path) -> None:
    """Whoever copied a checkpointed WAL-mode file to the store left its header in that mode."""
    query(wal, "PRAGMA wal_checkpoint(TRUNCATE)")
    from stepherd.logins.database import login_in, with_login

    body = wal.read_bytes()
    assert body[18:20] == b"\2\2"
    (tmp_path / "new").write_bytes(with_login(body, NEW, "object"))
    assert login_in((tmp_path / "new").read_bytes(), Q, "object") == NEW
    assert query(tmp_path / "new", "SELECT count(*) FROM conversations") == [(10,)]


@pytest.fixture
def hot(tmp_path: Path) -> Path:
    """A database with the journal of a writer that was killed after it had changed the file."""
    path = stored(tmp_path / "origin.sqlite3")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size=1")
        writer.execute("PRAGMA cache_spill=1")
        writer.execute("BEGIN")
        writer.execute(TOKEN, ("not-committed",))
        writer.executemany(
            "INSERT INTO conversations VALUES (?, ?)", [(str(n), "x" * 4_000) for n in range(50)]
        )
        writer.execute("SELECT count(*) FROM history")
        for end in ("", "-journal"):
            shutil.copy(f"{path}{end}", tmp_path / f"hot.sqlite3{end}")
        writer.execute("ROLLBACK")
    return tmp_path / "hot.sqlite3"


def test_what_was_not_committed_is_rolled_back(hot: Path, tmp_path: Path) -> None:
    assert hot.with_name("hot.sqlite3-journal").stat().st_size > 512
    assert hot.stat().st_size > (tmp_path / "origin.sqlite3").stat().st_size
    copy_database(hot, tmp_path / "copy")
    assert read_login(tmp_path / "copy", Q) == read_login(hot, Q) == a_login()
    assert query(tmp_path / "copy", "SELECT count(*) FROM conversations") == [(0,)]


def test_a_journal_that_names_another_file_is_refused_and_that_file_stays(hot: Path, tmp_path: Path) -> None:
    """SQLite removes the file that a hot journal names as its super-journal once it is rolled back."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    name = str(victim).encode()
    journal = hot.with_name("hot.sqlite3-journal")
    tail = name + len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big")
    page = b"\0\0\0\0" + name
    journal.write_bytes(journal.read_bytes() + page + tail[len(name) :] + bytes.fromhex("d9d505f920a163d7"))
    for read in (read_login, copy_database):
        with pytest.raises(DamagedDatabase, match="names another file"):
            read(hot, Q if read is read_login else tmp_path / "copy")  # type: ignore[arg-type]
    assert victim.read_text() == "precious"
