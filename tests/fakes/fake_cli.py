"""The common part of the fakes of Amazon Q's and Kiro's CLIs: opening their database, and bad manners.

Behaviour is a JSON file, named by the first argument; the rest of the command line is the CLI's own. Keys:
``does`` (see each fake), ``files`` {path: content} written into the current folder, ``refresh`` ("rotate",
"deny", "server error", "memory only"), ``record`` (a file that gets a line of JSON for each start), and
``version``, and ``system`` ("darwin": it keeps its data where it does on macOS).
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MIGRATIONS = [
    "CREATE TABLE IF NOT EXISTS migrations (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, "
    "migration_time INTEGER NOT NULL);",
    "CREATE TABLE IF NOT EXISTS history (id INTEGER PRIMARY KEY, command TEXT, shell TEXT, pid INTEGER, "
    "session_id TEXT, cwd TEXT, time INTEGER, in_ssh INTEGER, in_docker INTEGER, hostname TEXT, "
    "exit_code INTEGER);",
    "ALTER TABLE history DROP COLUMN in_ssh; ALTER TABLE history DROP COLUMN in_docker;",
    "ALTER TABLE history RENAME COLUMN time TO start_time; ALTER TABLE history ADD COLUMN end_time INTEGER; "
    "ALTER TABLE history ADD COLUMN duration INTEGER;",
    "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT);",
    "CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT);",
    "ALTER TABLE state RENAME TO state_old; CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB); "
    "INSERT INTO state SELECT key, value FROM state_old; DROP TABLE state_old;",
    "CREATE TABLE conversations (key TEXT PRIMARY KEY, value TEXT);",
]
"""The statements that the agent runs, in order, for every version that ``migrations`` does not have a row
for. Three of them fail when their table is there already."""


class Behaviour:
    """How this fake behaves, and where it is."""

    def __init__(self, folder: str) -> None:
        self.knobs: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
        self.argv = sys.argv[2:]
        folders = {"darwin": "Library/Application Support"}
        data = folders.get(str(self.knobs.get("system")), ".local/share")
        self.database = Path(os.environ["HOME"], data, folder, "data.sqlite3")
        self.prompt = ""
        self.start_url: str | None = None
        """Of the login; None for Builder ID."""

    @property
    def does(self) -> str:
        """Its behaviour when it is asked to work."""
        return str(self.knobs.get("does", "work"))

    def read_prompt(self) -> None:
        """All of standard input, and a line for the record."""
        self.prompt = sys.stdin.read()
        if "record" in self.knobs:
            seen = {"argv": self.argv, "environment": dict(os.environ), "prompt": self.prompt}
            with Path(self.knobs["record"]).open("a") as file:
                file.write(json.dumps({**seen, "settings": self.settings()}) + "\n")
        if "gate" in self.knobs:
            Path(self.knobs["gate"]).read_text()  # A pipe: until the test opens it.

    def settings(self) -> dict[str, Any]:
        for path in (
            self.database.with_name("settings.json"),
            Path(os.environ["HOME"], ".kiro/settings/cli.json"),
        ):
            if path.exists():
                assert path.stat().st_mode & 0o777 == 0o600
                return dict(json.loads(path.read_text()))
        return {}

    def note(self, **fields: Any) -> None:
        """Something for the test to read beside the record."""
        Path(f"{self.knobs['record']}.notes").write_text(json.dumps(fields))

    def write_files(self) -> None:
        """The work."""
        for name, content in self.knobs.get("files", {}).items():
            Path(name).write_text(content)

    def token(self, row: str, registration: str) -> str | None:
        """The access token, renewed when it has expired; None when no one is logged in."""
        if not self.database.exists():
            return None
        db = open_database(self.database)
        try:
            return self._token(db, row, registration)
        finally:
            db.close()

    def _token(self, db: sqlite3.Connection, row: str, registration: str) -> str | None:
        token = _value(db, row, ("access_token", "expires_at", "oauth_flow"))
        if token is None:
            return None
        self.start_url = token.get("start_url")
        if datetime.now(UTC) + timedelta(seconds=60) <= datetime.fromisoformat(token["expires_at"]):
            return str(token["access_token"])
        needed = ("client_id", "client_secret", "client_secret_expires_at", "region", "oauth_flow")
        if _value(db, registration, needed) is None:
            return None
        how = self.knobs.get("refresh", "rotate")
        if how in {"deny", "server error"}:
            # It does so for every answer of the service but SlowDown, a 500 included.
            db.execute("DELETE FROM auth_kv WHERE key = ?", (row,))
            db.commit()
            return None
        token |= {"access_token": "renewed-access", "refresh_token": "renewed-refresh"}
        token["expires_at"] = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        if how != "memory only":
            db.execute("INSERT OR REPLACE INTO auth_kv VALUES (?, ?)", (row, json.dumps(token)))
            db.commit()
        return str(token["access_token"])


def open_database(path: Path) -> sqlite3.Connection:
    """Open it by the agent's own rules: every migration that has no row is run. Raises sqlite3.Error."""
    db = sqlite3.connect(path)
    path.chmod(0o600)
    try:
        done = {row[0] for row in db.execute("SELECT version FROM migrations")}
    except sqlite3.OperationalError:
        done = set()
    for version, script in enumerate(MIGRATIONS):
        if version not in done:
            db.executescript(script)
            db.execute("INSERT INTO migrations (version, migration_time) VALUES (?, 0)", (version,))
    db.commit()
    return db


def _value(db: sqlite3.Connection, key: str, needed: tuple[str, ...]) -> dict[str, Any] | None:
    found = db.execute("SELECT value, typeof(value) FROM auth_kv WHERE key = ?", (key,)).fetchone()
    if found is None:
        return None
    if found[1] != "text":
        raise sqlite3.DataError(f"Invalid column type {found[1]} for {key}")
    value = json.loads(found[0])
    if value is None or any(name not in value for name in needed):
        return None
    return dict(value)


def out(text: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def err(text: str) -> None:
    """To standard error, at once."""
    sys.stderr.write(text)
    sys.stderr.flush()
