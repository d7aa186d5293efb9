"""SQLite's errors in words (result codes: sqlite.org/rescode.html)."""

from __future__ import annotations

import os
import sqlite3

from stepherd.errors import CredentialsError, StepherdError, StorageError, TemporaryError

__all__ = ["sqlite_error"]

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_CAUSES = {
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "Free some space (df -h, df -i), then run the same command again.",
    ),
    sqlite3.SQLITE_READONLY: ("it is read-only", "Look at its owner and mode with ls -l."),
    sqlite3.SQLITE_IOERR: (
        "the disk reports an input/output error",
        "Check the disk and its free space (df -h).",
    ),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "Check that its folder exists and is yours."),
}


def sqlite_error(error: sqlite3.Error, path: str | os.PathLike[str]) -> StepherdError:
    """The error of the tree that says what ``error`` means for the database file ``path``."""
    place = os.fspath(path)
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # the low byte is the primary code
    if code in _BUSY:
        return TemporaryError(f"The database {place!r} is busy with another process.", remedy="Try again.")
    if code in _DAMAGED:
        return StorageError(
            f"The file {place!r} is damaged or not a database; it was not changed.",
            remedy="Move it aside to start with a new one.",
        )
    if code in {sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return CredentialsError(
            f"Using the database {place!r} is not permitted.", remedy="Look at its mode with ls -l."
        )
    cause, remedy = _CAUSES.get(code, (str(error), "Check the file and the disk."))
    return StorageError(f"Using the database {place!r} failed: {cause}.", remedy=remedy)
