"""Copies of SQLite files in memory, made with the backup API: whole whatever the journal mode.

A plain copy loses what is only in the log (facts/git-and-secrets.md 7).
The file to copy may be one that an agent left behind, so it is checked from outside before SQLite opens it:
a journal can name another file, which SQLite would then remove, and a small file can claim to be a huge one.
Nothing is left on the disk when the process is killed.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from stepherd.errors import NotFoundError, StepherdError, TemporaryError
from stepherd.logins.failures import DamagedDatabase
from stepherd.services.disk import disk_error, replacement, write_all
from stepherd.services.sqlite_errors import sqlite_error

__all__ = [
    "BUSY_SECONDS",
    "FAULTS",
    "MAGIC",
    "MOST_BYTES",
    "check_outside",
    "copy_database",
    "database_error",
    "deadline",
    "opened",
    "snapshot",
    "to_bytes",
    "to_disk",
    "too_large",
    "write_file",
]

MOST_BYTES: Final = 128 * 1024 * 1024
"""The largest file that is looked at; a login takes kilobytes, the CLI's conversations megabytes."""
BUSY_SECONDS: Final = 5.0
"""How long a lock of another process is waited for, as in the CLI."""
_SECONDS: Final = 30.0
_PAGES_AT_ONCE: Final = 2_000
MAGIC: Final = b"SQLite format 3\0"
"""How every SQLite database begins."""
_HEADER_BYTES: Final = 100
_NAMES_ANOTHER_FILE: Final = bytes.fromhex("d9d505f920a163d7")  # sqlite.org/fileformat2.html, section 3
_ENVIRONMENT: Final = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
}  # fmt: skip
_REMEDY: Final = "It is unchanged. Log in again, or replace it with a good copy."


def copy_database(source: Path, destination: Path) -> None:
    """Copy an SQLite database whole, as of one moment; ``destination`` (0600) appears whole or not at all.

    Raises NotFoundError, DamagedDatabase, TemporaryError when it stays locked, StorageError and
    CredentialsError.
    """
    with snapshot(source) as copy:
        write_file(destination, to_bytes(copy))


@contextmanager
def snapshot(source: Path) -> Iterator[sqlite3.Connection]:
    """A copy of the database ``source`` in memory. Raises as ``copy_database``."""
    check_outside(source)
    with closing(sqlite3.connect(":memory:")) as copy:
        _back_up(source, copy)
        yield copy


@contextmanager
def opened(body: bytes, place: str) -> Iterator[sqlite3.Connection]:
    """The database that ``body`` is, in memory; ``place`` says where it came from. Raises DamagedDatabase."""
    if len(body) > MOST_BYTES:
        raise too_large(place)
    if len(body) < _HEADER_BYTES or not body.startswith(MAGIC) or not _is_whole(body):
        raise DamagedDatabase(f"{place!r} is not a complete SQLite database.", remedy=_REMEDY)
    with closing(sqlite3.connect(":memory:")) as db:
        db.deserialize(_without_log(body))
        yield db


def to_bytes(db: sqlite3.Connection) -> bytes:
    """The file that the database in memory ``db`` is."""
    return _without_log(db.serialize())


def write_file(path: Path, body: bytes) -> None:
    """Write a private file, whole or not at all. Raises StorageError, CredentialsError."""
    try:
        with replacement(path) as file:
            write_all(file, body)
        to_disk(path.parent)
    except OSError as error:
        raise disk_error(error, "Writing", path) from error


def check_outside(path: Path) -> None:
    """Check what can be told of a database file, and the files beside it, without opening it as one.

    Raises NotFoundError, DamagedDatabase.
    """
    size = _size(path)
    if size is None:
        raise NotFoundError(f"There is no login database {os.fspath(path)!r}.")
    if size < _HEADER_BYTES or not _begins(path, MAGIC):
        raise DamagedDatabase(f"{os.fspath(path)!r} is not an SQLite database.", remedy=_REMEDY)
    beside = {end: _size(path.with_name(path.name + end)) for end in ("-journal", "-wal", "-shm")}
    if size + sum(filter(None, beside.values())) > MOST_BYTES:
        raise too_large(path)
    if beside["-journal"] and _ends(path.with_name(f"{path.name}-journal"), _NAMES_ANOTHER_FILE):
        raise DamagedDatabase(
            f"The journal of {os.fspath(path)!r} names another file, which no login needs.", remedy=_REMEDY
        )


FAULTS: Final = (sqlite3.Error, UnicodeError)
"""Errors of the sqlite3 module: the second when SQLite's message quotes a name that is not UTF-8."""


def database_error(error: Exception, place: str | Path) -> StepherdError:
    """The error of the tree for what SQLite says of ``place``: the disk's fault, or the file's."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if isinstance(error, sqlite3.Error) and code in _ENVIRONMENT:
        return sqlite_error(error, place)
    return DamagedDatabase(
        f"The login database {os.fspath(place)!r} is damaged ({type(error).__name__}, code {code}).",
        remedy=_REMEDY,
    )


def deadline() -> Callable[..., int]:
    """A progress handler that ends SQLite's work when it takes too long."""
    end = time.monotonic() + _SECONDS
    return lambda *_: int(time.monotonic() > end)


def _back_up(source: Path, copy: sqlite3.Connection) -> None:
    # Read-write, so that a journal which a killed writer left is rolled back; SQLite goes without the right
    # to write where there is none.
    uri = f"{source.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as origin:
            _hold_whole(origin, source)
            origin.backup(copy, pages=_PAGES_AT_ONCE, progress=_limits(origin, source), sleep=0.05)
    except FAULTS as error:
        raise database_error(error, source) from error


def _hold_whole(origin: sqlite3.Connection, source: Path) -> None:
    """Begin to read, which rolls a journal back, and refuse a file that ends inside a page.

    SQLite reads zeros for what is missing of the last page, and may find nothing wrong with them.
    """
    origin.execute("PRAGMA trusted_schema=OFF")
    origin.execute("BEGIN")
    origin.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if (_size(source) or 0) % origin.execute("PRAGMA page_size").fetchone()[0]:
        raise DamagedDatabase(f"{os.fspath(source)!r} is not a complete SQLite database.", remedy=_REMEDY)


def _is_whole(body: bytes) -> bool:
    """Whether the file is as long as its header says (sqlite.org/fileformat2.html, section 1.3)."""
    page_bytes = int.from_bytes(body[16:18], "big")
    page_bytes = 65_536 if page_bytes == 1 else page_bytes
    says_pages = body[24:28] == body[92:96]
    pages = int.from_bytes(body[28:32], "big")
    return (
        page_bytes >= 512
        and len(body) % page_bytes == 0
        and (not says_pages or len(body) == pages * page_bytes)
    )


def _without_log(body: bytes) -> bytes:
    """``body`` for the rollback journal, as the CLI has it; a log beside it would not be a part of it."""
    return body[:18] + b"\1\1" + body[20:] if body[18:20] == b"\2\2" else body


def _limits(origin: sqlite3.Connection, path: Path) -> Callable[[int, int, int], None]:
    page_bytes = origin.execute("PRAGMA page_size").fetchone()[0]
    late = deadline()

    def progress(status: int, _remaining: int, total: int) -> None:
        if total * page_bytes > MOST_BYTES:
            raise too_large(path)
        if late():
            raise TemporaryError(
                f"The database {os.fspath(path)!r} stays busy (code {status}).", remedy="Try again."
            )

    return progress


def _size(path: Path) -> int | None:
    """The size of a regular file; None when there is none. Nothing else may stand in its place."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise disk_error(error, "Reading", path) from error
    if not stat.S_ISREG(found.st_mode):
        raise DamagedDatabase(f"{os.fspath(path)!r} is not a regular file.", remedy=_REMEDY)
    return found.st_size


def _begins(path: Path, expected: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(expected)) == expected
    except OSError as error:
        raise disk_error(error, "Reading", path) from error


def _ends(path: Path, expected: bytes) -> bool:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - len(expected)))
            return file.read() == expected
    except FileNotFoundError:
        return False
    except OSError as error:
        raise disk_error(error, "Reading", path) from error


def to_disk(path: Path) -> None:
    """Have the disk hold what was written to a file, or the names in a folder. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def too_large(place: str | Path) -> DamagedDatabase:
    """The error for a database that is not even looked at."""
    return DamagedDatabase(
        f"{os.fspath(place)!r} is larger than the {MOST_BYTES >> 20} MiB that a login database may have.",
        remedy=_REMEDY,
    )
