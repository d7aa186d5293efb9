"""The tables of a journal, and how one of an earlier version becomes one of this.

Version 1 kept the definition with every execution. The way from there is taken in steps that each are one
transaction: wherever it ends, the next engine continues it, and no step shows in what can be read afterwards.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3

from stepherd.engine.journal.details import DICTIONARY
from stepherd.engine.journal.records import STOPPING

__all__ = ["APPLICATION_ID", "VERSION", "definition_number", "make", "migrate", "shrink"]

APPLICATION_ID = 0x57E9E4D
VERSION = 2
_OLD = "executions_of_1"
"""The executions of a journal of version 1 that have not been moved yet."""
_BATCH = 200
_EXECUTIONS = f"""
CREATE TABLE definitions (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE executions (
  number INTEGER PRIMARY KEY AUTOINCREMENT, arn TEXT NOT NULL UNIQUE, machine_arn TEXT NOT NULL,
  name TEXT NOT NULL, started REAL NOT NULL, status TEXT NOT NULL, stopped REAL, redrives INTEGER NOT NULL,
  redriven REAL, role_arn TEXT NOT NULL, definition INTEGER NOT NULL, trace_header TEXT,
  redrive_tokens TEXT NOT NULL, error TEXT, cause TEXT, input TEXT NOT NULL, output TEXT);
CREATE INDEX executions_by_machine ON executions (machine_arn, number);
CREATE INDEX executions_by_status ON executions (status, machine_arn, number);
CREATE INDEX executions_by_definition ON executions (definition);
CREATE INDEX attempts_open ON attempts (execution) WHERE closed=0;
CREATE INDEX attempts_stopping ON attempts (execution) WHERE instr(handle, '"{STOPPING}"')>0;
CREATE TABLE removed (number INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE);
"""
_SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE machines (
  arn TEXT PRIMARY KEY, name TEXT NOT NULL, definition TEXT NOT NULL, role_arn TEXT NOT NULL,
  created REAL NOT NULL, revision TEXT NOT NULL, settings TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
  execution INTEGER NOT NULL, id INTEGER NOT NULL, previous INTEGER NOT NULL, timestamp REAL NOT NULL,
  type TEXT NOT NULL, details TEXT, frame TEXT NOT NULL, PRIMARY KEY (execution, id)) WITHOUT ROWID;
CREATE TABLE attempts (
  token TEXT PRIMARY KEY, execution INTEGER NOT NULL, event_id INTEGER NOT NULL, waits INTEGER NOT NULL,
  handle TEXT NOT NULL, answer TEXT, heartbeat REAL, closed INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX attempts_by_event ON attempts (execution, event_id);
{_EXECUTIONS}
"""
_PLAIN = (
    "number, arn, machine_arn, name, role_arn, input, started, status, stopped, output, error, cause, "
    "redrives, redriven, redrive_tokens, trace_header"
)


def make(connection: sqlite3.Connection) -> None:
    """Make the tables, all of them or none."""
    _together(connection, f"{_SCHEMA}PRAGMA application_id={APPLICATION_ID};{_words_of_version()}")


def _words_of_version() -> str:
    dictionary = DICTIONARY.replace("'", "''")
    return f"INSERT INTO meta VALUES ('dictionary', '{dictionary}');PRAGMA user_version={VERSION};"  # noqa: S608


def _together(connection: sqlite3.Connection, script: str) -> None:
    connection.executescript(f"BEGIN IMMEDIATE;{script}COMMIT;")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a sound journal of any earlier version to this one."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
        _begin(connection)
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name=?", (_OLD,)).fetchone():
        return
    while _move(connection):
        pass
    _together(connection, f"DROP TABLE {_OLD};")
    shrink(connection)


def _begin(connection: sqlite3.Connection) -> None:
    """From now on no earlier version opens the journal: it would not find what has been moved."""
    aside = f"ALTER TABLE executions RENAME TO {_OLD};"
    indexes = "DROP INDEX executions_by_machine;DROP INDEX executions_by_status;"
    _together(connection, f"{aside}{indexes}{_EXECUTIONS}{_words_of_version()}")


def _move(connection: sqlite3.Connection) -> bool:
    """Move some executions; False when there are none left."""
    rows = connection.execute(f"SELECT number, definition FROM {_OLD} LIMIT {_BATCH}").fetchall()  # noqa: S608
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number, text in rows:
            copied = (
                f"INSERT INTO executions ({_PLAIN}, definition) "  # noqa: S608
                f"SELECT {_PLAIN}, ? FROM {_OLD} WHERE number=?"
            )
            connection.execute(copied, (definition_number(connection, text), number))
            connection.execute(f"DELETE FROM {_OLD} WHERE number=?", (number,))  # noqa: S608
        connection.execute("COMMIT")
    except sqlite3.DatabaseError:
        connection.execute("ROLLBACK")
        raise
    return bool(rows)


def definition_number(connection: sqlite3.Connection, text: str) -> int:
    """The number under which a definition is kept; it is kept now if it was not."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    connection.execute("INSERT OR IGNORE INTO definitions (digest, text) VALUES (?,?)", (digest, text))
    found = connection.execute("SELECT number FROM definitions WHERE digest=?", (digest,)).fetchone()
    return int(found[0])


def shrink(connection: sqlite3.Connection) -> None:
    """Give the room that nothing needs back to the disk, and let that be possible bit by bit from now on.

    It takes as much room again meanwhile; where there is not enough, the file keeps its size.
    """
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("VACUUM")
