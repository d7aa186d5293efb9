"""The tables of the login database, as the CLI has them after its migrations 0 to 7 (facts/q-cli.md 1).

A new file gets all of them with the eight rows that say so: the CLI's migrations have no ``IF NOT EXISTS``,
so a file with only ``auth_kv`` in it makes the CLI fail to open.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

__all__ = ["MIGRATIONS", "REQUIRED", "create_tables"]

MIGRATIONS: Final = 8
"""How many migrations the tables stand for; their versions count from 0."""
REQUIRED: Final = {"auth_kv": ("key", "value"), "state": ("key", "value"), "migrations": ("version",)}
"""The tables and columns without which a file is not a login database; newer ones may have more."""

_TABLES: Final = """
CREATE TABLE migrations (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, migration_time INTEGER NOT NULL);
CREATE TABLE history (
    id INTEGER PRIMARY KEY, command TEXT, shell TEXT, pid INTEGER, session_id TEXT, cwd TEXT,
    start_time INTEGER, hostname TEXT, exit_code INTEGER, end_time INTEGER, duration INTEGER
);
CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB);
CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE conversations (key TEXT PRIMARY KEY, value TEXT);
"""


def create_tables(db: sqlite3.Connection) -> None:
    """Make all tables in an empty database, inside the transaction that is open. Raises sqlite3.Error."""
    for statement in filter(str.strip, _TABLES.split(";")):
        db.execute(statement)
    now = int(time.time())
    rows = [(version, now) for version in range(MIGRATIONS)]
    db.executemany("INSERT INTO migrations (version, migration_time) VALUES (?, ?)", rows)
