"""Fault 81: a login database is empty, cut, bit-flipped, of another schema, huge, newer, or hostile.

Expected: it is rejected with one kind of error before anything in it is used, or it reads as it was; the last
good login stays; newer schemas are accepted and left as they are.
"""

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.login_files import NOW, Q, a_login, open_as_the_cli, query, stored

from stepherd.errors import TemporaryError
from stepherd.logins import checks, snapshots
from stepherd.logins.database import copy_database, login_in, read_login, write_login
from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.login import Login, Profile
from stepherd.logins.opening import open_location
from stepherd.logins.persistence import keep_login

GOOD = a_login(profile=Profile("arn:aws:codewhisperer:us-east-1:1:profile/A", "team"))


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a database as it looks after some use."""
    path = stored(tmp_path_factory.mktemp("good") / "db", GOOD)
    with closing(sqlite3.connect(path)) as db, db:
        db.executemany("INSERT INTO history (command) VALUES (?)", [("ls " * n,) for n in range(200)])
        db.execute("INSERT INTO conversations VALUES ('/work', ?)", ("talk " * 3_000,))
    return path.read_bytes()


def is_rejected(path: Path) -> None:
    before = path.read_bytes() if path.stat().st_size < 10**7 else None
    for use in (
        lambda: read_login(path, Q),
        lambda: write_login(path, a_login("new")),
        lambda: open_location(Q, str(path)).load(),
        lambda: open_location(Q, str(path)).save(a_login("new"), None),
    ):
        with pytest.raises(DamagedDatabase) as caught:
            use()
        assert caught.value.remedy
        assert not [secret for secret in GOOD.secrets() if secret in str(caught.value)]
    if before is not None:
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 4_096,
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\0" * 4_096,
        b"{}",
        os.urandom(9_999),
    ],
    ids=["nothing", "zeros", "magic only", "magic and zeros", "json", "noise"],
)
def test_what_is_no_database_is_rejected(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(content)
    is_rejected(tmp_path / "db")
    with pytest.raises(DamagedDatabase):
        login_in(content, Q, "object")


def test_a_file_without_content_passes_sqlites_own_check(tmp_path: Path) -> None:
    """Why the header is looked at (facts/git-and-secrets.md 8)."""
    (tmp_path / "db").touch()
    assert query(tmp_path / "db", "PRAGMA integrity_check") == [("ok",)]


def test_two_gigabytes_are_rejected_by_their_size_alone(
    body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "db"
    path.write_bytes(body)
    os.truncate(path, 2 * 1024**3)
    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: pytest.fail("was opened"))
    started = time.monotonic()
    with pytest.raises(DamagedDatabase, match="larger"):
        read_login(path, Q)
    assert time.monotonic() - started < 5


def test_a_small_file_that_says_it_is_huge_is_rejected(body: bytes, tmp_path: Path) -> None:
    """The number of pages in the header, with a log that claims to hold them."""
    path = tmp_path / "db"
    path.write_bytes(body)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("INSERT INTO history (command) VALUES ('x')")
        writer.commit()
        content = {end: Path(f"{path}{end}").read_bytes() for end in ("", "-wal")}
    pages = 1_000_000
    claimed = _with_size(content["-wal"], pages)
    (tmp_path / "huge").write_bytes(content[""][:28] + pages.to_bytes(4, "big") + content[""][32:])
    (tmp_path / "huge-wal").write_bytes(claimed)
    started = time.monotonic()
    with pytest.raises(DamagedDatabase, match="larger"):
        read_login(tmp_path / "huge", Q)
    assert time.monotonic() - started < 5


def _with_size(wal: bytes, pages: int) -> bytes:
    """The write-ahead log with another size in its commit frames, and checksums to match."""
    order = "big" if wal[3] & 1 else "little"

    def checksum(data: bytes, start: tuple[int, int]) -> tuple[int, int]:
        one, two = start
        for at in range(0, len(data), 8):
            one = (one + int.from_bytes(data[at : at + 4], order) + two) % 2**32  # type: ignore[arg-type]
            two = (two + int.from_bytes(data[at + 4 : at + 8], order) + one) % 2**32  # type: ignore[arg-type]
        return one, two

    page_bytes = int.from_bytes(wal[8:12], "big")
    sums = checksum(wal[:24], (0, 0))
    out = bytearray(wal[:32])
    for at in range(32, len(wal), 24 + page_bytes):
        head, page = bytearray(wal[at : at + 24]), wal[at + 24 : at + 24 + page_bytes]
        if head[4:8] != b"\0\0\0\0":
            head[4:8] = pages.to_bytes(4, "big")
        sums = checksum(page, checksum(bytes(head[:8]), sums))
        head[16:24] = sums[0].to_bytes(4, "big") + sums[1].to_bytes(4, "big")
        out += head + page
    return bytes(out)


def readable(body: bytes, folder: Path) -> list[Login]:
    """The logins read from ``body`` as a file and as an object; nothing where it is rejected."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "db"
    path.write_bytes(body)
    found = []
    for read in (lambda: read_login(path, Q), lambda: login_in(body, Q, "object")):
        try:
            found.append(read())
        except DamagedDatabase:
            continue
    return found


LIMITS = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@LIMITS
@given(data=st.data())
def test_a_cut_file_is_rejected_or_reads_as_it_was(data: st.DataObject, body: bytes, tmp_path: Path) -> None:
    cut = data.draw(st.integers(0, len(body) - 1))
    assert [login for login in readable(body[:cut], tmp_path) if login != GOOD] == []


@LIMITS
@given(data=st.data())
def test_flipped_bits_are_rejected_or_change_nothing_but_what_they_hit(
    data: st.DataObject, body: bytes, tmp_path: Path
) -> None:
    """SQLite has no checksums: a bit inside a token's own letters makes another token, and nothing more."""
    flipped = bytearray(body)
    at = data.draw(st.lists(st.integers(0, 8 * len(body) - 1), min_size=1, max_size=8))
    for bit in at:
        flipped[bit // 8] ^= 1 << bit % 8
    inside = any(_is_value(body, bit // 8) for bit in at)
    for login in readable(bytes(flipped), tmp_path):
        assert login == GOOD or inside, [bit // 8 for bit in at]


def _is_value(body: bytes, at: int) -> bool:
    """Whether the byte is part of the JSON text of a row that is read."""
    for begin in (b'{"access_token"', b'{"client_id"', b'{"arn"'):
        start = body.index(begin)
        if start <= at < body.index(b"}", start) + 1:
            return True
    return False


@LIMITS
@given(junk=st.binary(min_size=1, max_size=4_096), data=st.data())
def test_overwritten_pages_never_end_in_another_error(
    junk: bytes, data: st.DataObject, body: bytes, tmp_path: Path
) -> None:
    at = data.draw(st.integers(0, len(body) - 1))
    readable(body[:at] + junk + body[at + len(junk) :], tmp_path)


def test_a_file_that_ends_inside_a_page_is_rejected(body: bytes, tmp_path: Path) -> None:
    """SQLite reads zeros for what is missing, and its integrity check finds nothing wrong."""
    (tmp_path / "db").write_bytes(body[:-100])
    assert query(tmp_path / "db", "PRAGMA integrity_check") == [("ok",)]
    assert readable(body[:-100], tmp_path) == []


def test_a_row_that_its_index_does_not_find_is_not_taken_for_nobody(body: bytes, tmp_path: Path) -> None:
    """The name of the row is in the table and in the index; one of them is another one."""
    at, places = body.find(Q.row.encode()), []
    while at >= 0:
        places.append(at)
        at = body.find(Q.row.encode(), at + 1)
    assert len(places) == 2
    for place in places:
        assert readable(body[:place] + b"X" + body[place + 1 :], tmp_path) == []


def test_every_bit_of_the_header_may_flip(body: bytes, tmp_path: Path) -> None:
    for bit in range(8 * 100):
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        assert [login for login in readable(bytes(flipped), tmp_path) if login != GOOD] == [], bit // 8


WRONG = {
    "no login table": "DROP TABLE auth_kv",
    "no state": "DROP TABLE state",
    "no migrations": "DROP TABLE migrations",
    "no migration done": "DELETE FROM migrations",
    "login table without values": "ALTER TABLE auth_kv RENAME COLUMN value TO content",
    "login as a view": "ALTER TABLE auth_kv RENAME TO t; CREATE VIEW auth_kv AS SELECT key, value FROM t",
    "login as another table": "DROP TABLE auth_kv; CREATE VIRTUAL TABLE auth_kv USING fts5(key, value)",
    "computed values": (
        "DROP TABLE auth_kv; CREATE TABLE auth_kv (key TEXT, value TEXT AS (hex(zeroblob(1000000))) VIRTUAL)"
    ),
    "a trigger": (
        "CREATE TRIGGER t AFTER UPDATE ON auth_kv "
        "BEGIN INSERT INTO conversations VALUES (new.key, new.value); END"
    ),
    "a trigger in capitals": "CREATE TRIGGER t AFTER UPDATE ON AUTH_KV BEGIN DELETE FROM state; END",
    "a token as a blob": f"UPDATE auth_kv SET value = CAST(value AS BLOB) WHERE key = '{Q.row}'",
    "a token as a number": f"UPDATE auth_kv SET value = 5 WHERE key = '{Q.row}'",
    "a token without an end": (
        f"UPDATE auth_kv SET value = json_remove(value, '$.expires_at') WHERE key = '{Q.row}'"
    ),
    "a token that is no json": f"UPDATE auth_kv SET value = 'token' WHERE key = '{Q.row}'",
    "a token of 5 MB": (
        "UPDATE auth_kv SET value = json_set(value, '$.more', printf('%.5000000c', 'x')) "
        f"WHERE key = '{Q.row}'"
    ),
    "a token that is not utf-8": f"UPDATE auth_kv SET value = CAST(x'7bff7d' AS TEXT) WHERE key = '{Q.row}'",
    "two tokens": (
        "ALTER TABLE auth_kv RENAME TO old; CREATE TABLE auth_kv (key TEXT, value TEXT); "
        "INSERT INTO auth_kv SELECT * FROM old; INSERT INTO auth_kv SELECT * FROM old"
    ),
    "a registration without a secret": (
        f"UPDATE auth_kv SET value = json_remove(value, '$.client_secret') WHERE key = '{Q.registration_row}'"
    ),
    "a profile without a name": (
        f"UPDATE state SET value = json_remove(value, '$.profile_name') WHERE key = '{Q.profile_key}'"
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_another_schema_and_rows_that_no_cli_writes_are_rejected(name: str, tmp_path: Path) -> None:
    path = stored(tmp_path / "db", GOOD)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(WRONG[name])
    is_rejected(path)


def test_a_newer_schema_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    path = stored(tmp_path / "db", GOOD)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO migrations (version, migration_time) VALUES (8, 1)")
        db.execute("ALTER TABLE auth_kv ADD COLUMN changed INTEGER")
        db.execute("DROP TABLE history")
        db.execute("CREATE TABLE sessions (id TEXT)")
        db.execute("CREATE TRIGGER t AFTER INSERT ON sessions BEGIN DELETE FROM conversations; END")
        db.execute("CREATE VIEW v AS SELECT * FROM sessions")
    assert read_login(path, Q) == GOOD
    schema = query(path, "SELECT name, sql FROM sqlite_schema ORDER BY 1")
    write_login(path, a_login("new"))
    assert query(path, "SELECT name, sql FROM sqlite_schema ORDER BY 1") == schema
    assert query(path, "SELECT max(version) FROM migrations") == [(8,)]


def test_nothing_that_the_schema_says_is_done(tmp_path: Path) -> None:
    """A view with a function that reaches outside: where one is there, the schema may not call it."""
    path = stored(tmp_path / "db", GOOD)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE VIEW spy AS SELECT reach_outside()")
    assert read_login(path, Q) == GOOD
    with checks.checked_copy(path) as db:
        db.create_function("reach_outside", 0, lambda: pytest.fail("was called"))
        with pytest.raises(sqlite3.OperationalError, match="unsafe use"):
            db.execute("SELECT * FROM spy").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM auth_kv")


def test_a_check_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index on an expression that costs what its author wants, which the integrity check computes."""
    path = stored(tmp_path / "db", GOOD)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE many (a, b AS (length(replace(hex(zeroblob(20000)), '0', a))))")
        db.execute("CREATE INDEX expensive ON many (b)")
        db.executemany("INSERT INTO many (a) VALUES (?)", [("xy",)] * 500)
    started = time.monotonic()
    assert read_login(path, Q) == GOOD
    whole = time.monotonic() - started
    monkeypatch.setattr(snapshots, "_SECONDS", whole / 20)
    monkeypatch.setattr(checks, "_STEPS", 10)
    started = time.monotonic()
    with pytest.raises((DamagedDatabase, TemporaryError)):
        read_login(path, Q)
    assert time.monotonic() - started < whole / 2


@pytest.mark.parametrize("end", ["", "-wal", "-journal", "-shm"])
@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_only_regular_files_are_opened(end: str, what: str, body: bytes, tmp_path: Path) -> None:
    """A link would lead elsewhere, and a pipe would let us wait for ever."""
    path = tmp_path / "db"
    path.write_bytes(body)
    beside = Path(f"{path}{end}")
    if what == "link":
        beside.unlink(missing_ok=True)
        beside.symlink_to(stored(tmp_path / "other"))
    elif what == "pipe":
        beside.unlink(missing_ok=True)
        os.mkfifo(beside)
    else:
        beside.unlink(missing_ok=True)
        beside.mkdir()
    for use in (lambda: read_login(path, Q), lambda: copy_database(path, tmp_path / "copy")):
        with pytest.raises(DamagedDatabase, match="regular file"):
            use()


@pytest.mark.parametrize("name", [*WRONG][::4])
def test_the_last_good_login_stays_when_the_agent_leaves_a_bad_one(name: str, tmp_path: Path) -> None:
    place = open_location(Q, f"{tmp_path}/store/")
    saved = place.save(GOOD, None)
    left = stored(tmp_path / "left", a_login("new"))
    with closing(sqlite3.connect(left)) as db:
        db.executescript(WRONG[name])
    assert keep_login(place, left, NOW).status == "rejected"
    assert place.load() == saved
    assert open_as_the_cli(tmp_path / "store/data.sqlite3") == []
