"""Journals as files: of the first version, and what the rows of any one say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from stepherd.engine.journal.details import Packing

_FIRST = """
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


def write_first_version(path: Path, commits: Iterable[Mapping[str, list[Any]]]) -> None:
    """A journal as the first version of Stepherd left it; each commit is rows by table."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(f"{_FIRST}PRAGMA application_id={0x57E9E4D};PRAGMA user_version=1;")
        for commit in commits:
            for table, rows in commit.items():
                marks = ",".join("?" * len(rows[0]))
                connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
        connection.commit()


def details_in(connection: sqlite3.Connection, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
    """The rows of a query whose first column is the details of events, with those unpacked."""
    kept = connection.execute("SELECT value FROM meta WHERE key='dictionary'").fetchall()
    packing = Packing(kept[0][0] if kept else "")
    rows = connection.execute(sql, parameters).fetchall()
    return [(packing.unpack(row[0]), *row[1:]) for row in rows]


def journal_text(path: Path) -> str:
    """All that the events of a journal say, as text to search."""
    with closing(sqlite3.connect(path)) as connection:
        rows = details_in(connection, "SELECT details FROM events")
    return "\n".join(row[0] or "" for row in rows)
