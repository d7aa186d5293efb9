"""Opening the file of a journal: it is created if it is missing, and read through after an unclean end."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from stepherd.engine.journal.clean_end import ended_cleanly
from stepherd.engine.journal.failures import corrupt, refused, unusable
from stepherd.engine.journal.schema import APPLICATION_ID, VERSION, make, migrate
from stepherd.errors import DataError

__all__ = ["open_journal"]


def open_journal(path: Path, *, alone: bool, check: bool) -> sqlite3.Connection:
    """The file, ready to be written. Raises DataError when it is corrupt, and leaves it alone; StorageError.

    ``alone`` says that no one else has it open: then it is brought to the present version, and checked before
    that, unless it was closed cleanly and ``check`` does not ask for it.
    """
    connection: sqlite3.Connection | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = not path.exists() or path.stat().st_size == 0
        if new:
            path.touch(mode=0o600, exist_ok=True)  # Which also changes its times.
        sound = not check and ended_cleanly(path)
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=64)
        _prepare(connection, path, new=new, alone=alone, sound=sound)
    except sqlite3.DatabaseError as error:
        if connection:
            connection.close()
        raise unusable(path, error) from error
    except OSError as error:
        raise refused(path, error.strerror or str(error)) from error
    except DataError:
        if connection:
            connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, *, new: bool, alone: bool, sound: bool) -> None:
    new = new or _is_unborn(connection)
    if not new:
        _check_identity(connection, path)
        if alone and not sound:
            _check_pages(connection, path)
    else:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # Only possible before the first page.
    connection.execute("PRAGMA journal_mode=WAL")
    # A commit survives the death of the process at once, and of the machine at the next checkpoint.
    connection.execute("PRAGMA synchronous=NORMAL")
    if new:
        make(connection)
    elif alone:
        migrate(connection)


def _is_unborn(connection: sqlite3.Connection) -> bool:
    """Whether its making was cut short, by a full disk or a kill: then it holds nothing at all."""
    marks = ("application_id", "user_version")
    if any(connection.execute(f"PRAGMA {mark}").fetchone()[0] for mark in marks):
        return False
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def _check_identity(connection: sqlite3.Connection, path: Path) -> None:
    identity = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if identity != APPLICATION_ID or version > VERSION:
        reason = "a newer Stepherd wrote it" if identity == APPLICATION_ID else "it is not a journal"
        raise corrupt(path, reason)


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise corrupt(path, str(verdict).splitlines()[0])
