"""Whole-file checks of a login database, before anything in it is trusted (fault 81).

All is done on a copy in memory (snapshots.py), which is used so that its schema can do nothing: functions in
views and indexes are off (``trusted_schema``), nothing is written (``query_only``), values are limited in
length and all work in time. A file without content passes SQLite's own integrity check, so header, size
and tables are looked at, too (facts/git-and-secrets.md 8).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stepherd.logins.failures import DamagedDatabase, NewerDatabase, OtherDatabase
from stepherd.logins.schema import MIGRATIONS, REQUIRED
from stepherd.logins.snapshots import FAULTS, database_error, deadline, opened, snapshot

__all__ = ["checked_bytes", "checked_copy", "restrict", "text_of"]

_MOST_VALUE_BYTES: Final = 1_048_576
_STEPS: Final = 10_000
_REMEDY: Final = "It is unchanged. Log in again, or replace it with a good copy."


@contextmanager
def checked_copy(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a copy of the file ``path`` that passed all checks; texts come as bytes.

    Raises NotFoundError, DamagedDatabase (also for what SQLite finds inside the block), TemporaryError when
    the file stays locked, and StorageError.
    """
    with snapshot(path) as db, _checked(db, os.fspath(path)):
        yield db


@contextmanager
def checked_bytes(body: bytes, place: str) -> Iterator[sqlite3.Connection]:
    """The same for the content of a file, which came from ``place``. Raises DamagedDatabase."""
    with opened(body, place) as db, _checked(db, place):
        yield db


@contextmanager
def _checked(db: sqlite3.Connection, place: str) -> Iterator[None]:
    try:
        restrict(db)
        _check_content(db, place)
        with _rows_of_its_time(db):
            yield
    except FAULTS as error:
        raise database_error(error, place) from error


@contextmanager
def _rows_of_its_time(db: sqlite3.Connection) -> Iterator[None]:
    """Take a row without sense for what a newer CLI writes, where one has had the database."""
    try:
        yield
    except DamagedDatabase as error:
        if _is_newer(db):
            raise _newer(error.message) from error
        raise


def text_of(db: sqlite3.Connection, table: str, key: str) -> str | None:
    """The text under ``key`` in ``auth_kv`` or ``state``; None for no row and for NULL.

    Raises DamagedDatabase for two rows, for what is not TEXT (the CLI cannot read it), or not UTF-8.
    """
    rows = db.execute(f"SELECT typeof(value), value FROM {table} WHERE key = ? LIMIT 2", (key,)).fetchall()  # noqa: S608 - one of two names
    if not rows or rows[0][1] is None:
        return None
    kind, value = (part.decode(errors="replace") if isinstance(part, bytes) else part for part in rows[0])
    if len(rows) > 1 or kind != "text" or "\ufffd" in value:
        raise DamagedDatabase(f"The row {key!r} appears twice, or is not text.", remedy=_REMEDY)
    return str(value)


def restrict(db: sqlite3.Connection) -> None:
    """Take from the schema of a foreign database what it could do; texts come as bytes."""
    db.text_factory = bytes
    db.set_progress_handler(deadline(), _STEPS)
    db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0"):
        db.execute(f"PRAGMA {pragma}")


def _is_newer(db: sqlite3.Connection) -> bool:
    """Whether a CLI with more migrations than are known here has had the database."""
    try:
        last = db.execute("SELECT max(version) FROM migrations").fetchone()[0]
    except sqlite3.OperationalError:
        return False
    return isinstance(last, int) and last >= MIGRATIONS


def _damaged(why: str) -> DamagedDatabase:
    return DamagedDatabase(why, remedy=_REMEDY)


def _newer(why: str) -> NewerDatabase:
    return NewerDatabase(
        f"{why} A newer version of its CLI has changed it.",
        remedy="It is unchanged. Update Stepherd, or keep the login elsewhere with --database.",
    )


def _has_a_table_of_logins(db: sqlite3.Connection) -> bool:
    found = db.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('auth_kv', 'state')").fetchone()
    return bool(found[0])


def _check_content(db: sqlite3.Connection, place: str) -> None:
    if db.execute("PRAGMA integrity_check(1)").fetchall() != [(b"ok",)]:
        raise DamagedDatabase(f"The login database {place!r} is damaged.", remedy=_REMEDY)
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_VALUE_BYTES)
    is_newer = _is_newer(db)
    wrong = _newer if is_newer else _damaged
    if not is_newer and not _has_a_table_of_logins(db):
        raise OtherDatabase(f"{place!r} is not a login database: it has no table of one.", remedy=_REMEDY)
    for table, columns in REQUIRED.items():
        found = db.execute(
            "SELECT type, rootpage, sql FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
        if found is None or found[0] != b"table" or not found[1]:
            raise wrong(f"{place!r} is not a login database: it has no table {table}.")
        plain = {row[1].decode() for row in db.execute(f"PRAGMA table_xinfo({table})") if not row[6]}
        if not plain.issuperset(columns):
            raise wrong(f"The table {table} in {place!r} lacks columns.")
    if not db.execute("SELECT count(*) FROM migrations").fetchone()[0]:
        raise DamagedDatabase(f"{place!r} does not list its migrations.", remedy=_REMEDY)
    for (owner,) in db.execute("SELECT lower(tbl_name) FROM sqlite_schema WHERE type = 'trigger'"):
        if owner.decode(errors="replace") in REQUIRED:
            raise DamagedDatabase(f"{place!r} has a trigger on the login, as no CLI makes.", remedy=_REMEDY)
