"""The secrets in a login database that another process is writing."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stepherd.logins import live
from stepherd.logins.database import write_login
from stepherd.logins.kinds import login_kind
from stepherd.logins.live import LiveDatabase
from stepherd.logins.login import Login, Token

OLD = "cAn4ry-old-token-0123456789"
WRITER = """
import json, os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "token":
        row = json.dumps({"access_token": rest, "refresh_token": rest[::-1], "token_type": "Bearer"})
        db.execute("update auth_kv set value = ? where key = 'codewhisperer:odic:token'", (row,))
    elif word == "leave":
        os._exit(0)
    else:
        db.execute(rest)
    print("done", flush=True)
"""


class Writer:
    """An agent: another process, because SQLite's locks are between processes."""

    def __init__(self, path: Path) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def token(self, token: str) -> None:
        self.tell(f"token {token}")

    def sql(self, statement: str) -> None:
        self.tell(f"sql {statement}")

    def tell(self, line: str) -> None:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write(f"{line}\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline() == "done\n"

    def end(self) -> None:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.close()
        self.child.wait(30)
        self.child.stdout.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.sqlite3"
    token = Token(OLD, datetime(2027, 1, 1, tzinfo=UTC), OLD, "us-east-1", None, "DeviceCode", None)
    write_login(path, Login(login_kind("q"), token, None, None))
    return path


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(path)
    try:
        yield writer
    finally:
        writer.end()


@pytest.fixture
def database(path: Path) -> Iterator[LiveDatabase]:
    database = LiveDatabase(path)
    database.look()
    yield database
    database.close()


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "memory", "off", "wal"])
def test_a_token_is_known_as_soon_as_it_is_written(database: LiveDatabase, writer: Writer, mode: str) -> None:
    """GIVEN any journal WHEN a token was committed THEN the next look has it, however often."""
    writer.sql(f"pragma journal_mode={mode}")
    for number in range(10):
        token = f"cAn4ry-{number}-token-{number:010d}"
        writer.token(token)
        reading = database.look()
        assert reading is not None, number
        assert {token, token[::-1]} <= reading.secrets
        assert "Bearer" not in reading.secrets


def test_the_write_ahead_log_is_read_through_checkpoints_and_restarts(
    database: LiveDatabase, writer: Writer
) -> None:
    writer.sql("pragma journal_mode=wal")
    writer.sql("pragma wal_autocheckpoint=3")
    for number in range(12):
        writer.token(f"cAn4ry-token-{number:010d}")
        if number % 4 == 3:
            writer.sql("pragma wal_checkpoint(restart)")
        reading = database.look()
        assert reading is not None
        assert f"cAn4ry-token-{number:010d}" in reading.secrets


def test_a_single_renewal_is_certain_and_one_that_was_overtaken_is_not(
    database: LiveDatabase, writer: Writer
) -> None:
    writer.token("cAn4ry-first-token-0123456789")
    reading = database.look()
    assert reading is not None
    assert reading.certain
    # WHEN a token is replaced before anybody has looked: it is in no file any more
    writer.token("cAn4ry-second-token-0123456789")
    writer.token("cAn4ry-third-token-0123456789")
    reading = database.look()
    assert reading is not None
    assert not reading.certain
    # AND other changes are no reason for doubt
    writer.sql("insert into state values ('a', 'b')")
    writer.sql("insert into state values ('c', 'd')")
    reading = database.look()
    assert reading is None or reading.certain


def test_nothing_is_read_again_while_nothing_changes(
    database: LiveDatabase, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_TICK_NS", 0)
    database.look()
    assert database.look() is None


def test_a_change_within_the_same_tick_of_the_clock_is_seen(
    database: LiveDatabase, path: Path, writer: Writer
) -> None:
    """Fails when a file that was changed a moment ago counts as known: the next change may give it the same
    times. In the log's mode not even the counter tells."""
    writer.sql("pragma journal_mode=wal")
    database.look()
    state = database._state()
    assert state is not None
    assert database._settled is None or state.rests(10**20)
    os.utime(path)
    database.look()
    assert database._settled is None


def test_a_writer_in_the_middle_of_its_change_is_waited_for(
    database: LiveDatabase, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a writer that holds its lock, its pages half written WHEN it ends THEN the look is whole."""
    writer.sql("begin exclusive")
    writer.token("cAn4ry-half-token-0123456789")
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            writer.sql("commit")

    monkeypatch.setattr(live.time, "sleep", wait)
    monkeypatch.setattr(live, "_WAIT_SECONDS", 60.0)
    reading = database.look()
    assert len(waited) >= 3
    assert reading is not None
    assert reading.certain
    assert "cAn4ry-half-token-0123456789" in reading.secrets


def test_a_lock_that_stays_is_not_waited_for_for_ever_and_leaves_a_doubt(
    database: LiveDatabase, writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_WAIT_SECONDS", 0.02)
    writer.sql("begin exclusive")
    os.utime(path)
    reading = database.look()
    assert reading is not None
    assert not reading.certain
    writer.sql("rollback")


@pytest.mark.parametrize("what", ["garbage", "empty", "a link", "gone"])
def test_what_is_no_database_any_more_leaves_a_doubt(
    database: LiveDatabase, path: Path, what: str, tmp_path: Path
) -> None:
    if what in {"a link", "gone"}:
        path.unlink()
    if what == "a link":
        path.symlink_to(tmp_path / "elsewhere")
    if what == "garbage":
        path.write_bytes(b"x" * 5000)
    if what == "empty":
        path.write_bytes(b"")
    reading = database.look()
    assert reading is None or reading.certain is (what in {"a link", "gone"})


def test_a_database_in_the_place_of_the_old_one_is_read(database: LiveDatabase, path: Path) -> None:
    other = path.with_name("other")
    token = Token("cAn4ry-replaced-0123456789", datetime(2027, 1, 1, tzinfo=UTC), None, "us-east-1", None)
    write_login(other, Login(login_kind("q"), token, None, None))
    other.rename(path)
    reading = database.look()
    assert reading is not None
    assert "cAn4ry-replaced-0123456789" in reading.secrets


def test_tokens_of_other_ways_to_log_in_are_secrets_too(path: Path, database: LiveDatabase) -> None:
    social = {"accessToken": "cAn4ry-social-0123456789", "provider": {"clientSecret": "cAn4ry-client-01234"}}
    with sqlite3.connect(path) as db:
        db.execute("insert into auth_kv values ('kirocli:social:token', ?)", (json.dumps(social),))
        db.execute("insert into auth_kv values ('other', 'cAn4ry-bare-value-0123')")
    db.close()
    reading = database.look()
    assert reading is not None
    wanted = {"cAn4ry-social-0123456789", "cAn4ry-client-01234", "cAn4ry-bare-value-0123", OLD}
    assert wanted <= reading.secrets
