"""Private copies of SQLite files, made with the backup API: whole whatever the journal mode (facts: X7).

The file to copy may be one that an agent left behind, so it is checked from outside before SQLite opens it:
a journal can name another file, which SQLite would then remove, and a small file can claim to be a huge one.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from stepherd.errors import NotFoundError, StepherdError, TemporaryError
from stepherd.logins.failures import DamagedDatabase
from stepherd.services.disk import disk_error, new_name
from stepherd.services.sqlite_errors import sqlite_error

__all__ = [
    "BUSY_SECONDS",
    "MOST_BYTES",
    "check_outside",
    "copy_database",
    "database_error",
    "deadline",
    "snapshot",
]

MOST_BYTES: Final = 256 * 1024 * 1024
"""The largest file that is looked at; a login takes kilobytes, the CLI's conversations megabytes."""
BUSY_SECONDS: Final = 5.0
"""How long a lock of another process is waited for, as in the CLI."""
_SECONDS: Final = 30.0
_PAGES_AT_ONCE: Final = 2_000
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_NAMES_ANOTHER_FILE: Final = bytes.fromhex("d9d505f920a163d7")  # sqlite.org/fileformat2.html, section 3
_ENVIRONMENT: Final = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
}  # fmt: skip
_REMEDY: Final = "It was left as it is. Log in again, or put a good copy in its place."


def copy_database(source: Path, destination: Path) -> None:
    """Copy an SQLite database whole, as of one moment; ``destination`` (0600) appears whole or not at all.

    Raises NotFoundError, DamagedDatabase, TemporaryError when it stays locked, StorageError and
    CredentialsError.
    """
    check_outside(source)
    unfinished = destination.parent / new_name()
    try:
        destination.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _back_up(source, unfinished)
        to_disk(unfinished)
        unfinished.rename(destination)
        to_disk(destination.parent)
    except OSError as error:
        raise disk_error(error, "Writing", destination) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


@contextmanager
def snapshot(source: Path) -> Iterator[Path]:
    """A private copy of the database ``source``, gone after the block. Raises as ``copy_database``."""
    check_outside(source)
    with tempfile.TemporaryDirectory(prefix="stepherd-login-") as folder:
        copy = Path(folder) / "copy.sqlite3"
        _back_up(source, copy)
        yield copy


def check_outside(path: Path) -> None:
    """Check what can be told of a database file, and the files beside it, without opening it as one.

    Raises NotFoundError, DamagedDatabase.
    """
    size = _size(path)
    if size is None:
        raise NotFoundError(f"There is no login database {os.fspath(path)!r}.")
    if size < _HEADER_BYTES or not _begins(path, _MAGIC):
        raise DamagedDatabase(f"{os.fspath(path)!r} is not an SQLite database.", remedy=_REMEDY)
    beside = {end: _size(path.with_name(path.name + end)) for end in ("-journal", "-wal", "-shm")}
    if size + sum(filter(None, beside.values())) > MOST_BYTES:
        raise _too_large(path)
    if beside["-journal"] and _ends(path.with_name(f"{path.name}-journal"), _NAMES_ANOTHER_FILE):
        raise DamagedDatabase(
            f"The journal of {os.fspath(path)!r} names another file, which no login needs.", remedy=_REMEDY
        )


def database_error(error: sqlite3.Error, path: Path) -> StepherdError:
    """The error of the tree for what SQLite says of ``path``: the disk's fault, or the file's."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in _ENVIRONMENT:
        return sqlite_error(error, path)
    return DamagedDatabase(
        f"The login database {os.fspath(path)!r} is damaged ({type(error).__name__}, code {code}).",
        remedy=_REMEDY,
    )


def deadline() -> Callable[..., int]:
    """A progress handler that ends SQLite's work when it takes too long."""
    end = time.monotonic() + _SECONDS
    return lambda *_: int(time.monotonic() > end)


def _back_up(source: Path, copy: Path) -> None:
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        # Read-write, so that a journal which a killed writer left is rolled back; SQLite goes without the
        # right to write where there is none.
        with (
            closing(
                sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)
            ) as origin,
            closing(sqlite3.connect(copy)) as target,
        ):
            target.execute("PRAGMA synchronous=OFF")
            origin.backup(target, pages=_PAGES_AT_ONCE, progress=_limits(origin, source), sleep=0.05)
            target.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise database_error(error, source) from error


def _limits(origin: sqlite3.Connection, path: Path) -> Callable[[int, int, int], None]:
    page_bytes = origin.execute("PRAGMA page_size").fetchone()[0]
    late = deadline()

    def progress(status: int, _remaining: int, total: int) -> None:
        if total * page_bytes > MOST_BYTES:
            raise _too_large(path)
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


def _too_large(path: Path) -> DamagedDatabase:
    return DamagedDatabase(
        f"{os.fspath(path)!r} is larger than the {MOST_BYTES >> 20} MiB that a login database may have.",
        remedy=_REMEDY,
    )
