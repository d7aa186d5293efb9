"""The journal: one SQLite file that holds everything an engine knows.

Rows are appended to a buffer and committed together; ``flush`` is called before any effect that can be seen
from outside (a task started, an answer given) and at the latest at the end of the event loop's turn. What
is lost when the process is killed is therefore never anything that someone could have seen.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from stepherd.engine.journal.records import STOPPING, Attempt, Event, Execution, Machine
from stepherd.errors import DataError, StorageError
from stepherd.remedies import Remedy

__all__ = ["Journal"]

_APPLICATION_ID = 0x57E9E4D
_VERSION = 1
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE machines (
  arn TEXT PRIMARY KEY, name TEXT NOT NULL, definition TEXT NOT NULL, role_arn TEXT NOT NULL,
  created REAL NOT NULL, revision TEXT NOT NULL, settings TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE executions (
  number INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, machine_arn TEXT NOT NULL,
  name TEXT NOT NULL, role_arn TEXT NOT NULL, definition TEXT NOT NULL, input TEXT NOT NULL,
  started REAL NOT NULL, status TEXT NOT NULL, stopped REAL, output TEXT, error TEXT, cause TEXT,
  redrives INTEGER NOT NULL, redriven REAL, redrive_tokens TEXT NOT NULL, trace_header TEXT);
CREATE INDEX executions_by_machine ON executions (machine_arn, started, number);
CREATE INDEX executions_by_status ON executions (status);
CREATE TABLE events (
  execution INTEGER NOT NULL, id INTEGER NOT NULL, previous INTEGER NOT NULL, timestamp REAL NOT NULL,
  type TEXT NOT NULL, details TEXT, frame TEXT NOT NULL, PRIMARY KEY (execution, id)) WITHOUT ROWID;
CREATE TABLE attempts (
  token TEXT PRIMARY KEY, execution INTEGER NOT NULL, event_id INTEGER NOT NULL, waits INTEGER NOT NULL,
  handle TEXT NOT NULL, answer TEXT, heartbeat REAL, closed INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX attempts_by_event ON attempts (execution, event_id);
"""
_INSERT_EVENT = "INSERT INTO events VALUES (?,?,?,?,?,?,?)"
_EXECUTION_COLUMNS = (
    "arn, machine_arn, name, role_arn, definition, input, started, status, stopped, output, error, cause, "
    "redrives, redriven, redrive_tokens, trace_header, number"
)


class Journal:
    """The file ``path``, opened for one engine. Raises DataError when it is corrupt, and leaves it alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: list[tuple[Any, ...]] = []
        self._changes: list[Callable[[sqlite3.Connection], object]] = []
        self.on_dirty: Callable[[], None] | None = None
        """Called when the first row is buffered after a commit."""
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = not self.path.exists() or self.path.stat().st_size == 0
            self.path.touch(mode=0o600, exist_ok=True)
            connection = sqlite3.connect(self.path, isolation_level=None, cached_statements=64)
            self._prepare(connection, new)
        except sqlite3.DatabaseError as error:
            if connection:
                connection.close()
            raise self._unusable(error) from error
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from error
        except DataError:
            if connection:
                connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, new: bool) -> None:
        new = new or self._is_unborn(connection)
        if not new:
            self._check(connection)
        connection.execute("PRAGMA journal_mode=WAL")
        # A commit survives the death of the process at once, and of the machine at the next checkpoint.
        connection.execute("PRAGMA synchronous=NORMAL")
        if new:
            identity = f"PRAGMA application_id={_APPLICATION_ID};PRAGMA user_version={_VERSION};"
            connection.executescript(f"BEGIN;{_SCHEMA}{identity}COMMIT;")

    def _is_unborn(self, connection: sqlite3.Connection) -> bool:
        """Whether its making was cut short, by a full disk or a kill: then it holds nothing at all."""
        marks = ("application_id", "user_version")
        if any(connection.execute(f"PRAGMA {mark}").fetchone()[0] for mark in marks):
            return False
        return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]

    def _check(self, connection: sqlite3.Connection) -> None:
        identity = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if identity != _APPLICATION_ID or version > _VERSION:
            reason = "a newer Stepherd wrote it" if identity == _APPLICATION_ID else "it is not a journal"
            raise self._corrupt(reason)
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise self._corrupt(str(verdict).splitlines()[0])

    def _corrupt(self, reason: str) -> DataError:
        return DataError(
            f"The journal {self.path} cannot be read ({reason}); it was not changed.",
            remedy=f"Restore a copy, or start with a new one after 'mv {self.path} {self.path}.corrupt'.",
        )

    def _refused(self, reason: str) -> StorageError:
        return StorageError(
            f"The journal {self.path} cannot be written: {reason}.",
            remedy=Remedy(
                "Free some space or choose another --home, then continue with '", ("resume",), "'."
            ),
        )

    def _unusable(self, error: sqlite3.DatabaseError) -> Exception:
        refused = isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error)
        return self._refused(str(error)) if refused else self._corrupt(str(error))

    # -- writing -------------------------------------------------------------------------------------

    def append(self, row: tuple[Any, ...]) -> None:
        """Buffer one event row: (execution, id, previous, timestamp, type, details, frame)."""
        self._mark_dirty()
        self._events.append(row)

    def later(self, change: Callable[[sqlite3.Connection], object]) -> None:
        """Buffer another change, to be made after the events buffered so far, in the same transaction."""
        self._mark_dirty()
        self._changes.append(change)

    def _mark_dirty(self) -> None:
        if self.on_dirty and not self.dirty:
            self.on_dirty()

    @property
    def dirty(self) -> bool:
        """Whether anything waits to be committed."""
        return bool(self._events or self._changes)

    def flush(self) -> None:
        """Commit what is buffered. Raises StorageError when the disk refuses; nothing is half written."""
        if not self.dirty:
            return
        try:
            self._commit(self._connection)
        except sqlite3.DatabaseError as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise self._unusable(error) from error
        self._events.clear()
        self._changes.clear()

    def _commit(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_INSERT_EVENT, self._events)
        for change in self._changes:
            change(connection)
        connection.execute("COMMIT")

    def add_machine(self, machine: Machine) -> None:
        """Create or replace a state machine."""
        m = machine
        row = (m.arn, m.name, m.definition, m.role_arn, m.created, m.revision, m.settings)
        self.later(lambda db: db.execute("INSERT OR REPLACE INTO machines VALUES (?,?,?,?,?,?,?)", row))

    def remove_machine(self, arn: str) -> None:
        """Delete a state machine; its executions stay."""
        self.later(lambda db: db.execute("DELETE FROM machines WHERE arn=?", (arn,)))

    def add_execution(self, execution: Execution) -> None:
        """Insert a new execution at once, and give it its number. Buffered rows are committed with it."""
        self.flush()
        marks = ",".join("?" * 17)
        sql = f"INSERT INTO executions ({_EXECUTION_COLUMNS}) VALUES ({marks})"  # noqa: S608
        try:
            cursor = self._connection.execute(sql, (*_execution_row(execution), None))
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error
        execution.number = int(cursor.lastrowid or 0)

    def save_execution(self, execution: Execution) -> None:
        """Write an execution's present status."""
        e = execution
        row = (
            e.status,
            e.stopped,
            e.output,
            e.error,
            e.cause,
            e.redrives,
            e.redriven,
            e.redrive_tokens,
            e.number,
        )
        sql = (
            "UPDATE executions SET status=?, stopped=?, output=?, error=?, cause=?, redrives=?, redriven=?, "
            "redrive_tokens=? WHERE number=?"
        )
        self.later(lambda db: db.execute(sql, row))

    def save_attempt(self, attempt: Attempt) -> None:
        """Create or replace a task attempt."""
        a = attempt
        answer = None if a.answer is None else json.dumps(a.answer)
        handle = json.dumps(a.handle)
        row = (a.token, a.execution, a.event_id, int(a.waits), handle, answer, a.heartbeat, int(a.closed))
        self.later(lambda db: db.execute("INSERT OR REPLACE INTO attempts VALUES (?,?,?,?,?,?,?,?)", row))

    # -- reading -------------------------------------------------------------------------------------

    def _rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        self.flush()
        try:
            return self._connection.execute(sql, tuple(parameters)).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error

    def meta(self, key: str, make: Callable[[], str]) -> str:
        """A value kept for ever, made when first asked for."""
        rows = self._rows("SELECT value FROM meta WHERE key=?", (key,))
        if rows:
            return str(rows[0][0])
        value = make()
        self.later(lambda db: db.execute("INSERT INTO meta VALUES (?,?)", (key, value)))
        self.flush()
        return value

    def machine(self, arn: str) -> Machine | None:
        """A state machine by its ARN."""
        rows = self._rows("SELECT * FROM machines WHERE arn=?", (arn,))
        return Machine(*rows[0]) if rows else None

    def machines(self) -> list[Machine]:
        """All state machines, newest first."""
        return [Machine(*row) for row in self._rows("SELECT * FROM machines ORDER BY created DESC, arn")]

    def execution(self, arn: str) -> Execution | None:
        """An execution by its ARN."""
        rows = self._rows(f"SELECT {_EXECUTION_COLUMNS} FROM executions WHERE arn=?", (arn,))  # noqa: S608
        return Execution(*rows[0]) if rows else None

    def executions(
        self, machine_arn: str | None, status: str | None, before: int | None, limit: int
    ) -> list[Execution]:
        """Executions, newest first; ``before`` is the number of the last one already seen."""
        where, parameters = ["1"], []
        for clause, value in (("machine_arn=?", machine_arn), ("status=?", status), ("number<?", before)):
            if value is not None:
                where.append(clause)
                parameters.append(value)
        chosen = f"SELECT {_EXECUTION_COLUMNS} FROM executions WHERE {' AND '.join(where)}"  # noqa: S608
        sql = f"{chosen} ORDER BY number DESC LIMIT ?"
        return [Execution(*row) for row in self._rows(sql, [*parameters, limit])]

    def events(
        self, execution: int, *, after: int = 0, limit: int = -1, reverse: bool = False
    ) -> list[Event]:
        """Events in order of id, or newest first; ``after`` is the id of the last one already seen."""
        if reverse:
            bound, order = f"id<{after or 1 << 60}", "DESC"
        else:
            bound, order = f"id>{after}", "ASC"
        sql = (
            "SELECT id, previous, timestamp, type, details, frame FROM events "  # noqa: S608
            f"WHERE execution=? AND {bound} ORDER BY id {order} LIMIT ?"
        )
        return [Event(*row) for row in self._rows(sql, (execution, limit))]

    def attempt(self, token: str) -> Attempt | None:
        """The task attempt that a token belongs to."""
        return next(self._attempts("token=?", (token,)), None)

    def attempt_of(self, execution: int, event_id: int) -> Attempt | None:
        """The task attempt that a TaskScheduled event began."""
        return next(self._attempts("execution=? AND event_id=?", (execution, event_id)), None)

    def orphans(self) -> list[Attempt]:
        """Attempts whose execution has ended, or whose stop was not finished: their jobs may still run."""
        ended = "closed=0 AND execution IN (SELECT number FROM executions WHERE status<>'RUNNING')"
        return list(self._attempts(f"{ended} OR handle LIKE ?", (f'%"{STOPPING}"%',)))

    def open_attempts(self, execution: int) -> list[Attempt]:
        """Attempts of an execution that have not ended."""
        return list(self._attempts("closed=0 AND execution=?", (execution,)))

    def attempts_of(self, arn: str) -> list[Attempt]:
        """All attempts at tasks of an execution, in the order in which they were scheduled."""
        of = "execution IN (SELECT number FROM executions WHERE arn=?) ORDER BY event_id"
        return list(self._attempts(of, (arn,)))

    def _attempts(self, where: str, parameters: tuple[Any, ...]) -> Iterator[Attempt]:
        columns = "execution, event_id, token, waits, handle, answer, heartbeat, closed"
        sql = f"SELECT {columns} FROM attempts WHERE {where}"  # noqa: S608
        for number, event, token, waits, handle, answer, heartbeat, closed in self._rows(sql, parameters):
            said = None if answer is None else json.loads(answer)
            yield Attempt(
                number, event, token, bool(waits), json.loads(handle), said, heartbeat, bool(closed)
            )

    def abandon(self) -> None:
        """Close the file without what is buffered: it could not be written."""
        self._events.clear()
        self._changes.clear()
        self._connection.close()

    def close(self) -> None:
        """Commit what is buffered and close the file."""
        try:
            self.flush()
        finally:
            self._connection.close()


def _execution_row(e: Execution) -> tuple[Any, ...]:
    return (
        *(e.arn, e.machine_arn, e.name, e.role_arn, e.definition, e.input, e.started, e.status, e.stopped),
        *(e.output, e.error, e.cause, e.redrives, e.redriven, e.redrive_tokens, e.trace_header),
    )
