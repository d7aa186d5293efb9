"""Queues on this machine: tables in an SQLite file that any number of processes share."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stepherd.errors import UsageError
from stepherd.services.disk import disk_error, folder_lock
from stepherd.services.queues import rows as queue_rows
from stepherd.services.queues.contract import Message, check_body, check_receive, check_visibility
from stepherd.services.sqlite_errors import sqlite_error

__all__ = ["SqliteQueue"]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}\Z")
_BUSY_SECONDS = 30
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1  # seconds between looks at an empty queue


@dataclass(frozen=True, slots=True)
class SqliteQueue:
    """One named queue in a database file."""

    path: Path
    name: str

    @classmethod
    def open(cls, reference: str) -> SqliteQueue:
        """The queue of ``sqlite:///abs/path#name``; the file (0600) is made when it is not there.

        Raises UsageError, StorageError, CredentialsError.
        """
        queue = cls(*_parse(reference))
        queue._prepare()
        return queue

    def send(self, body: str, *, group: str | None = None, deduplication_id: str | None = None) -> str:
        """Add a message and return its id. See Queue.send."""
        check_body(body)
        with self._transaction() as database:
            return queue_rows.add(database, self.name, body, group, deduplication_id)

    def receive(
        self, wait_seconds: float = 0, max_messages: int = 1, *, visibility_seconds: int = 30
    ) -> list[Message]:
        """Take messages, waiting for the first. See Queue.receive.

        An empty queue costs one look at SQLite's change counter every 5 to 100 ms.
        """
        check_receive(max_messages, visibility_seconds)
        deadline = time.monotonic() + wait_seconds
        with self._connection() as database:
            while True:
                with _immediately(database):
                    seen = _version(database)  # here, where no one else can commit unseen
                    messages = queue_rows.take(database, self.name, max_messages, visibility_seconds)
                    due = queue_rows.next_due(database, self.name)
                if messages or not _await_change(database, seen, due, deadline):
                    return messages

    def extend(self, receipt: str, visibility_seconds: int) -> None:
        """Keep a message hidden from now on. See Queue.extend."""
        check_visibility(visibility_seconds)
        with self._transaction() as database:
            queue_rows.hide(database, self.name, receipt, visibility_seconds)

    def delete(self, receipt: str) -> None:
        """Say that a message is done with. See Queue.delete."""
        with self._transaction() as database:
            queue_rows.remove(database, self.name, receipt)

    def _prepare(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # two that switch a new file to WAL at once get in each other's way without waiting
            with folder_lock(self.path.parent):
                _make_private(self.path)
                with self._connection() as database:
                    database.execute("PRAGMA journal_mode=WAL")
                    with _immediately(database):
                        queue_rows.create(database)
        except OSError as error:
            raise disk_error(error, "Opening the queue", self.path) from error

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one call, so that threads and forked processes share none."""
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
                yield database
        except sqlite3.Error as error:
            raise sqlite_error(error, self.path) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as database, _immediately(database):
            yield database


@contextmanager
def _immediately(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction that holds the write lock from its first statement."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    finally:
        if database.in_transaction:
            database.execute("ROLLBACK")


def _await_change(database: sqlite3.Connection, seen: int, due: float, deadline: float) -> bool:
    """Wait until another connection commits or ``due`` seconds pass; False once ``deadline`` has come."""
    until = min(deadline, time.monotonic() + due)
    pause = _SHORTEST_PAUSE
    while (now := time.monotonic()) < until and _version(database) == seen:
        time.sleep(min(pause, until - now))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return time.monotonic() < deadline


def _make_private(path: Path) -> None:
    """Make the file where there is none; opening and closing one would drop SQLite's own locks."""
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA data_version").fetchone()[0])


def _parse(reference: str) -> tuple[Path, str]:
    parts = urlsplit(reference)
    path, name = unquote(parts.path), parts.fragment
    if (
        not parts.netloc
        and not parts.query
        and path.startswith("/")
        and "\0" not in path
        and _NAME.match(name)
    ):
        return Path(path), name
    raise UsageError(
        f"{reference!r} is not the address of a queue.",
        remedy="Write sqlite:///path/of/file.db#name, the name in letters, digits, '_', '-' and '.'.",
    )
