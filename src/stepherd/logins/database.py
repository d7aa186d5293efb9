"""Reading and writing the SQLite login database of the CLIs (facts/q-cli.md 1)."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from stepherd.errors import NotFoundError
from stepherd.logins.aside import clear_journals
from stepherd.logins.checks import checked_bytes, checked_copy, text_of
from stepherd.logins.kinds import DEFAULT_REGION, DEFAULT_START_URL, LoginKind
from stepherd.logins.login import Login, Profile, Registration, Token, is_same_provider
from stepherd.logins.rows import (
    parse_profile,
    parse_registration,
    parse_token,
    profile_fields,
    registration_fields,
    row_object,
    row_text,
    token_fields,
)
from stepherd.logins.schema import create_tables
from stepherd.logins.snapshots import (
    BUSY_SECONDS,
    FAULTS,
    copy_database,
    database_error,
    deadline,
    to_bytes,
    to_disk,
    write_file,
)
from stepherd.services.disk import disk_error, new_name

__all__ = [
    "Login",
    "Profile",
    "Registration",
    "Token",
    "copy_database",
    "login_in",
    "read_login",
    "with_login",
    "write_login",
]

_CUSTOMIZATION: Final = "api.selectedCustomization"
Before = Callable[[Login], None]


def read_login(path: Path, kind: LoginKind) -> Login:
    """Read the login in the database at ``path``, from a private copy that passed every check.

    Raises NotFoundError, DamagedDatabase, TemporaryError when it stays locked, StorageError and
    CredentialsError when it cannot be opened.
    """
    with checked_copy(path) as db:
        return _login_rows(db, kind)


def login_in(body: bytes, kind: LoginKind, place: str) -> Login:
    """Read the login in a database, given as its bytes; ``place`` names its origin. Raises
    DamagedDatabase."""
    with checked_bytes(body, place) as db:
        return _login_rows(db, kind)


def with_login(body: bytes | None, login: Login, place: str, *, ends_others: bool = False) -> bytes:
    """The database ``body`` with the rows of ``login`` in it; a new one with all tables for None.

    Rows are treated as by ``write_login``. Raises DamagedDatabase.
    """
    if body is None:
        return _new_file(login)
    with checked_bytes(body, place) as db:
        db.execute("PRAGMA query_only=OFF")
        with db:
            _put_rows(db, login, ends_others=ends_others)
        return to_bytes(db)


def write_login(path: Path, login: Login, *, before: Before | None = None, ends_others: bool = False) -> None:
    """Write ``login`` into the database at ``path``, for the CLI of its kind to use (0600).

    A new file gets all tables; of one that exists only the rows of this login are touched, and what
    ``login`` does not have stays: a missing refresh token or registration deletes nothing. The file is the
    old one or the new one whenever this is interrupted. ``before`` is called with what is there, inside the
    transaction; what it raises ends it without a trace. ``ends_others``: a person has just approved
    ``login``, and the CLI must not go by a token of another way to log in. Raises as ``read_login``.
    """
    try:
        read_login(path, login.kind)
    except NotFoundError:
        if before is not None:
            before(Login(login.kind))
        clear_journals(path)
        _create(path, login, before, ends_others=ends_others)
        return
    _update(path, login, before, ends_others=ends_others)


def _login_rows(db: sqlite3.Connection, kind: LoginKind) -> Login:
    """The login in an open database. Raises DamagedDatabase, sqlite3.Error."""
    token = row_object(text_of(db, "auth_kv", kind.row), kind.row)
    registration = row_object(text_of(db, "auth_kv", kind.registration_row), kind.registration_row)
    profile = row_object(text_of(db, "state", kind.profile_key), kind.profile_key)
    return Login(
        kind,
        None if token is None else parse_token(token, kind.row),
        None if registration is None else parse_registration(registration, kind.registration_row),
        None if profile is None else parse_profile(profile, kind.profile_key),
    )


def _create(path: Path, login: Login, before: Before | None, *, ends_others: bool) -> None:
    """Make the file beside its place and give it its name when it is whole."""
    unfinished = path.parent / new_name()
    write_file(unfinished, _new_file(login))
    try:
        is_first = _give_name(unfinished, path)
        to_disk(path.parent)
    except OSError as error:
        raise disk_error(error, "Writing", path) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    if not is_first:
        _update(path, login, before, ends_others=ends_others)


def _new_file(login: Login) -> bytes:
    with closing(sqlite3.connect(":memory:")) as db, db:
        db.text_factory = bytes
        create_tables(db)
        _put_rows(db, login)
        db.commit()
        return to_bytes(db)


def _give_name(unfinished: Path, path: Path) -> bool:
    """Put the file in its place unless another one is there by now; whether it is in place."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if path.exists():
            return False
        unfinished.rename(path)
    return True


def _update(path: Path, login: Login, before: Before | None, *, ends_others: bool = False) -> None:
    try:
        path.chmod(0o600)
    except OSError as error:
        raise disk_error(error, "Changing the mode of", path) from error
    with _transaction(path) as db:
        if before is not None:
            before(_login_rows(db, login.kind))
        _put_rows(db, login, ends_others=ends_others)


@contextmanager
def _transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """A write transaction, begun at once so that nothing changes between what is read and written in it."""
    try:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            db.text_factory = bytes
            db.set_progress_handler(deadline(), 10_000)
            db.execute("PRAGMA trusted_schema=OFF")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
    except FAULTS as error:
        raise database_error(error, path) from error


def _put_rows(db: sqlite3.Connection, login: Login, *, ends_others: bool = False) -> None:
    kind, token, registration, profile = login.kind, login.token, login.registration, login.profile
    old = row_object(text_of(db, "auth_kv", kind.registration_row), kind.registration_row) or {}
    same = registration is not None and old.get("client_id") == registration.client_id
    keeps_profile = token is None or _is_of_the_same_company(db, login)
    if token is not None:
        fields = token_fields(token)
        if same and token.refresh_token is None:
            del fields["refresh_token"]
        _put(db, "auth_kv", kind.row, fields, keep=same)
        _put_json(db, "auth.idc.start-url", token.start_url or DEFAULT_START_URL)
        _put_json(db, "auth.idc.region", token.region or DEFAULT_REGION)
    if ends_others:
        db.executemany("DELETE FROM auth_kv WHERE key = ?", [(row,) for row in kind.other_rows])
    if registration is not None:
        _put(db, "auth_kv", kind.registration_row, registration_fields(registration), keep=same)
    if profile is not None:
        _put_profile(db, kind, profile)
    elif not keeps_profile:
        # It is another company's, or Builder ID has none; the CLI would send what an earlier login left.
        db.execute("DELETE FROM state WHERE key IN (?, ?)", (kind.profile_key, _CUSTOMIZATION))


def _is_of_the_same_company(db: sqlite3.Connection, login: Login) -> bool:
    """Whether the token that is there is of the same IAM Identity Center as that of ``login``."""
    before = row_object(text_of(db, "auth_kv", login.kind.row), login.kind.row)
    there = None if before is None else parse_token(before, login.kind.row)
    return login.is_identity_center and is_same_provider(there, login.token)


def _put_profile(db: sqlite3.Connection, kind: LoginKind, profile: Profile) -> None:
    before = row_object(text_of(db, "state", kind.profile_key), kind.profile_key) or {}
    if before.get("arn") != profile.arn:  # a customization belongs to its profile
        db.execute("DELETE FROM state WHERE key = ?", (_CUSTOMIZATION,))
    _put(db, "state", kind.profile_key, profile_fields(profile), keep=before.get("arn") == profile.arn)


def _put(db: sqlite3.Connection, table: str, key: str, fields: dict[str, Any], *, keep: bool) -> None:
    """Write a row; with ``keep``, its fields that are not known here stay."""
    before = row_object(text_of(db, table, key), key) if keep else None
    _put_text(db, table, key, row_text(fields, before))


def _put_json(db: sqlite3.Connection, key: str, value: str) -> None:
    _put_text(db, "state", key, json.dumps(value))


def _put_text(db: sqlite3.Connection, table: str, key: str, text: str) -> None:
    # Not INSERT OR REPLACE: it needs a key that is declared as one, and makes a new row each time.
    if db.execute(f"UPDATE {table} SET value = ? WHERE key = ?", (text, key)).rowcount == 0:  # noqa: S608
        db.execute(f"INSERT INTO {table} (key, value) VALUES (?, ?)", (key, text))  # noqa: S608
