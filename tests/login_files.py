"""Logins to test with, and the CLI's own rules for opening their files (facts/q-cli.md 1)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stepherd.logins.database import write_login
from stepherd.logins.kinds import login_kind
from stepherd.logins.login import Login, Profile, Registration, Token

__all__ = ["MIGRATIONS", "NOW", "a_login", "a_registration", "a_token", "open_as_the_cli", "query", "stored"]

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Q = login_kind("q")
MIGRATIONS = (
    "CREATE TABLE migrations (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, "
    "migration_time INTEGER NOT NULL);",
    "CREATE TABLE history (id INTEGER PRIMARY KEY, command TEXT, shell TEXT, pid INTEGER, session_id TEXT, "
    "cwd TEXT, time INTEGER, in_ssh INTEGER, in_docker INTEGER, hostname TEXT, exit_code INTEGER);",
    "ALTER TABLE history DROP COLUMN in_ssh; ALTER TABLE history DROP COLUMN in_docker;",
    "ALTER TABLE history RENAME COLUMN time TO start_time; ALTER TABLE history ADD COLUMN end_time INTEGER; "
    "ALTER TABLE history ADD COLUMN duration INTEGER;",
    "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT);",
    "CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT);",
    "ALTER TABLE state RENAME TO state_old; CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB); "
    "INSERT INTO state SELECT key, value FROM state_old; DROP TABLE state_old;",
    "CREATE TABLE conversations (key TEXT PRIMARY KEY, value TEXT);",
)


def open_as_the_cli(path: Path) -> list[int]:
    """Apply the migrations that the file does not name, as the CLI does; return which those were.

    Raises sqlite3.OperationalError where the CLI fails to open, too.
    """
    applied = []
    with closing(sqlite3.connect(path)) as db:
        for version, statements in enumerate(MIGRATIONS):
            known = (
                version > 0 or db.execute("SELECT 1 FROM sqlite_schema WHERE name='migrations'").fetchone()
            )
            named = "SELECT 1 FROM migrations WHERE version = ?"
            if known and db.execute(named, (version,)).fetchone():
                continue
            for statement in filter(str.strip, statements.split(";")):
                db.execute(statement)
            db.execute("INSERT INTO migrations (version, migration_time) VALUES (?, 0)", (version,))
            applied.append(version)
        db.commit()
    return applied


def a_token(name: str = "one", *, ends: timedelta = timedelta(hours=1), **fields: object) -> Token:
    values: dict[str, object] = {
        "access_token": f"access-{name}",
        "expires_at": NOW + ends,
        "refresh_token": f"refresh-{name}",
        "region": "us-east-1",
        "scopes": Q.scopes,
    }
    return Token(**{**values, **fields})  # type: ignore[arg-type]


def a_registration(name: str = "one", **fields: object) -> Registration:
    values: dict[str, object] = {
        "client_id": f"client-{name}",
        "client_secret": f"secret-{name}",
        "client_secret_expires_at": NOW + timedelta(days=90),
        "region": "us-east-1",
        "scopes": Q.scopes,
    }
    return Registration(**{**values, **fields})  # type: ignore[arg-type]


def a_login(
    name: str = "one",
    *,
    ends: timedelta = timedelta(hours=1),
    client: str = "one",
    profile: Profile | None = None,
    **fields: object,
) -> Login:
    return Login(Q, a_token(name, ends=ends, **fields), a_registration(client), profile)


def stored(path: Path, login: Login | None = None) -> Path:
    """A new database with ``login`` in it."""
    write_login(path, login or a_login())
    return path


def query(path: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    """Run ``sql`` on the file as anybody with SQLite can."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(sql, values).fetchall()
        db.commit()
    return rows
