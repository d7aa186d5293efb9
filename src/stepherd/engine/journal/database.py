"""The journal: one SQLite file that holds everything an engine knows.

Rows are appended to a buffer and committed together; ``flush`` is called before any effect that can be seen
from outside (a task started, an answer given) and at the latest at the end of the event loop's turn. So when
the process is killed, nothing is lost that anyone could have seen.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from stepherd.engine.journal.clean_end import mark_clean_end
from stepherd.engine.journal.details import Packing
from stepherd.engine.journal.failures import corrupt, refused, unusable
from stepherd.engine.journal.opening import open_journal
from stepherd.engine.journal.records import STOPPING, Attempt, Event, Execution, Listed, Machine
from stepherd.engine.journal.removal import bury, clean_up, ended_query
from stepherd.engine.journal.schema import definition_number

__all__ = ["Journal"]

_INSERT_EVENT = "INSERT INTO events VALUES (?,?,?,?,?,?,?)"
_EXECUTION_COLUMNS = (
    "arn, machine_arn, name, role_arn, definition, input, started, status, stopped, output, error, cause, "
    "redrives, redriven, redrive_tokens, trace_header, number"
)
_LISTED_COLUMNS = "number, arn, machine_arn, name, status, started, stopped, redrives, redriven"
_KNOWN_DEFINITIONS = 64
_Given = TypeVar("_Given")


class Journal:
    """The file ``path``, opened for one engine. Raises DataError when it is corrupt, and leaves it alone.

    Not ``alone``, it is only looked at, while somebody else may have it. ``check`` reads all of it first,
    however it was closed.
    """

    def __init__(self, path: Path, *, alone: bool = True, check: bool = False) -> None:
        self.path = path
        self._alone = alone
        self._events: list[tuple[Any, ...]] = []
        self._changes: list[Callable[[sqlite3.Connection], object]] = []
        self._definitions: dict[int, str] = {}
        self.on_dirty: Callable[[], None] | None = None
        """Called when the first row is buffered after a commit."""
        self._connection = open_journal(path, alone=alone, check=check)
        self._packing = Packing(self._dictionary())

    def _dictionary(self) -> str:
        rows = self._rows("SELECT value FROM meta WHERE key='dictionary'")
        return str(rows[0][0]) if rows else ""

    # -- writing -------------------------------------------------------------------------------------

    def append(self, row: tuple[Any, ...]) -> None:
        """Buffer one event row: (execution, id, previous, timestamp, type, details, frame)."""
        self._mark_dirty()
        self._events.append((*row[:5], self._packing.pack(row[5]), row[6]))

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
            raise unusable(self.path, error) from error
        except (
            MemoryError,
            ValueError,
            OverflowError,
        ) as error:  # the last two: a value that no column takes
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise refused(self.path, str(error) or "out of memory") from error
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
            definition = self._kept_definition(execution.definition)
            cursor = self._connection.execute(sql, (*_execution_row(execution, definition), None))
        except sqlite3.DatabaseError as error:
            raise unusable(self.path, error) from error
        execution.number = int(cursor.lastrowid or 0)

    def _kept_definition(self, text: str) -> int:
        """The number of a definition, which is kept once for all its executions."""
        for number, known in self._definitions.items():
            if known is text or known == text:
                return number
        number = definition_number(self._connection, text)
        self._know(number, text)
        return number

    def _know(self, number: int, text: str) -> None:
        if len(self._definitions) >= _KNOWN_DEFINITIONS:
            self._definitions.clear()
        self._definitions[number] = text

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

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove executions that have ended, at once; ``clean_up`` removes their events."""
        self._now(lambda db: bury(db, numbers))

    def is_being_removed(self, arn: str) -> bool:
        """Whether an execution of this ARN was removed, and not all that it left is gone."""
        return bool(self._rows("SELECT 1 FROM removed WHERE arn=?", (arn,)))

    def clean_up(self, seconds: float) -> bool:
        """Work for so long at removing what is left of removed executions; whether there is more to do."""
        self._definitions.clear()  # Some may go.
        return self._now(lambda db: clean_up(db, seconds))

    def _now(self, change: Callable[[sqlite3.Connection], _Given]) -> _Given:
        self.flush()
        try:
            return change(self._connection)
        except sqlite3.DatabaseError as error:
            raise unusable(self.path, error) from error

    # -- reading -------------------------------------------------------------------------------------

    def _rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        self.flush()
        try:
            return self._connection.execute(sql, tuple(parameters)).fetchall()
        except sqlite3.DatabaseError as error:
            raise unusable(self.path, error) from error

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

    def _executions(self, where: str, parameters: tuple[Any, ...]) -> list[Execution]:
        sql = f"SELECT {_EXECUTION_COLUMNS} FROM executions WHERE {where}"  # noqa: S608
        rows = self._rows(sql, parameters)
        return [Execution(*(*row[:4], self._definition(row[4]), *row[5:])) for row in rows]

    def _definition(self, number: int) -> str:
        if number not in self._definitions:
            self._know(number, self._rows("SELECT text FROM definitions WHERE number=?", (number,))[0][0])
        return self._definitions[number]

    def execution(self, arn: str) -> Execution | None:
        """An execution by its ARN."""
        return next(iter(self._executions("arn=?", (arn,))), None)

    def running(self) -> list[Execution]:
        """The executions that have not ended, oldest first."""
        return sorted(self._executions("status='RUNNING'", ()), key=lambda one: one.number)

    def executions(
        self, machine_arn: str | None, status: str | None, before: int | None, limit: int
    ) -> list[Listed]:
        """Executions, newest first; ``before`` is the number of the last one already seen."""
        where, parameters = ["1"], []
        for clause, value in (("machine_arn=?", machine_arn), ("status=?", status), ("number<?", before)):
            if value is not None:
                where.append(clause)
                parameters.append(value)
        chosen = f"SELECT {_LISTED_COLUMNS} FROM executions WHERE {' AND '.join(where)}"  # noqa: S608
        sql = f"{chosen} ORDER BY number DESC LIMIT ?"
        return [Listed(*row) for row in self._rows(sql, [*parameters, limit])]

    def ended(
        self, machine_arn: str, keep: int, stopped_before: float | None, before: int | None, limit: int
    ) -> list[Listed]:
        """Executions of a machine that may be removed, newest first; see ``ended_query``."""
        where, parameters = ended_query(machine_arn, keep, stopped_before, before, limit)
        sql = f"SELECT {_LISTED_COLUMNS} FROM executions WHERE {where}"  # noqa: S608
        return [Listed(*row) for row in self._rows(sql, parameters)]

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
        rows = self._rows(sql, (execution, limit))
        try:
            return [Event(*(*row[:4], self._packing.unpack(row[4]), row[5])) for row in rows]
        except ValueError as error:
            raise corrupt(self.path, str(error)) from error

    def attempt(self, token: str) -> Attempt | None:
        """The task attempt that a token belongs to."""
        return next(self._attempts("token=?", (token,)), None)

    def attempt_of(self, execution: int, event_id: int) -> Attempt | None:
        """The task attempt that a TaskScheduled event began."""
        return next(self._attempts("execution=? AND event_id=?", (execution, event_id)), None)

    def orphans(self) -> list[Attempt]:
        """Attempts whose execution has ended, or whose stop was not finished: their jobs may still run."""
        ended = "closed=0 AND execution IN (SELECT number FROM executions WHERE status<>'RUNNING')"
        # In two, so that each has its index.
        stopping = f"""instr(handle, '"{STOPPING}"')>0 AND NOT ({ended})"""
        return [*self._attempts(ended, ()), *self._attempts(stopping, ())]

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
        if self._alone:
            mark_clean_end(self.path)


def _execution_row(e: Execution, definition: int) -> tuple[Any, ...]:
    return (
        *(e.arn, e.machine_arn, e.name, e.role_arn, definition, e.input, e.started, e.status, e.stopped),
        *(e.output, e.error, e.cause, e.redrives, e.redriven, e.redrive_tokens, e.trace_header),
    )
