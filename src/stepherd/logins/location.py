"""Where a login is kept: its database, and beside it the lease and the attempts to log in.

A reference says what serves it, as everywhere: an object on S3 is replaced whole under a condition, a file on
disk is changed in place by SQLite's own transactions, so that it may also be the one that a CLI is using.
Either way no one's write is lost and the database is the old one or the new one whenever a writer dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from stepherd.errors import TemporaryError
from stepherd.logins.aside import other_file
from stepherd.logins.failures import DamagedDatabase, NewerDatabase, OtherDatabase
from stepherd.logins.kinds import LoginKind
from stepherd.logins.login import Login
from stepherd.logins.merging import merge
from stepherd.services.store.contract import PreconditionFailed, Store, WriteConflict

__all__ = ["LoginLocation", "StoredLogin"]

_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A login as it was read, and what tells whether it has changed since."""

    login: Login
    etag: str
    """Opaque; of the object, or of the login's rows in a file."""


class Database(Protocol):
    """One kind of place; see location_object.py and location_file.py."""

    def load(self) -> StoredLogin | None:
        """The stored login; None if there is none. Raises DamagedDatabase, as all methods do."""
        ...

    def write(self, login: Login, etag: str | None, *, ends_others: bool = False) -> str:
        """Write ``login`` if what is stored still has ``etag`` (None: nothing is), and return the new one.
        ``ends_others``: without tokens of other ways to log in.

        Raises PreconditionFailed, and WriteConflict when the same call should be made again.
        """
        ...

    def replace_damaged(self, login: Login) -> str:
        """Move what is damaged aside and write ``login`` as new. Raises PreconditionFailed."""
        ...

    def check_target(self) -> None:
        """Refuse what a login must not take the place of. Raises UsageError."""
        ...

    def download(self, path: Path) -> bool:
        """Put a checked copy of the database at ``path`` (0600); False when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class LoginLocation:
    """The place of one login."""

    kind: LoginKind
    reference: str
    """Of the database, as ``open_location`` takes it: ``s3://bucket/…/data.sqlite3`` or ``file:///…``."""
    folder: Store
    """The store that the database lies in."""
    prefix: str
    """Of the keys of what lies beside it; empty for a database called data.sqlite3."""
    database: Database

    @property
    def lease_key(self) -> str:
        """The key of the lease in ``folder``."""
        return f"{self.prefix}lease.json"

    def attempt_key(self, attempt: str) -> str:
        """The key in ``folder`` of an attempt to log in."""
        return f"{self.prefix}attempts/{attempt}.json"

    def load(self) -> StoredLogin | None:
        """The stored login; None when there is no database.

        Raises DamagedDatabase, and what the store raises.
        """
        return self.database.load()

    def save(
        self, login: Login, etag: str | None, *, replaces: bool = False, ends_others: bool = False
    ) -> StoredLogin:
        """Store ``login`` and return what is stored then.

        ``etag`` is of the load that ``login`` was made from, None when nothing was there. When something
        else is there by now, the two are merged: a token that ends later is not replaced by one that ends
        sooner, and nothing that ``login`` lacks is deleted. With ``replaces``, a person logged in again:
        ``login`` counts whatever is there, and a damaged database is moved aside. With ``ends_others``,
        tokens of other ways to log in are deleted. Raises TemporaryError when other writers do not let it
        through, DamagedDatabase, and what the store raises.
        """
        for _ in range(_TRIES):
            try:
                return self._save_once(login, etag, replaces, ends_others)
            except (PreconditionFailed, WriteConflict):
                continue
        raise TemporaryError(
            f"The login in {self.reference} keeps being changed by other processes.", remedy="Try again."
        )

    def check_target(self) -> None:
        """Refuse what a new login must not take the place of, before a person is asked for it.

        Raises UsageError, and what the store raises.
        """
        self.database.check_target()
        try:
            self.load()
        except OtherDatabase as error:
            self._let_make_way(error)
        except (DamagedDatabase, NewerDatabase):
            return

    def _let_make_way(self, error: DamagedDatabase) -> None:
        """Under the name that the CLIs give, it can only be what is left of a login."""
        if isinstance(error, OtherDatabase) and self.prefix:
            raise other_file(self.reference) from error

    def download(self, path: Path) -> bool:
        """Put a copy of the database at ``path`` (0600); False when there is none. Raises DamagedDatabase."""
        return self.database.download(path)

    def _save_once(self, login: Login, etag: str | None, replaces: bool, ends_others: bool) -> StoredLogin:
        try:
            found = self.load()
        except DamagedDatabase as error:
            if not replaces:
                raise
            self._let_make_way(error)
            return StoredLogin(login, self.database.replace_damaged(login))
        if found is None:
            return StoredLogin(login, self.database.write(login, None))
        merged = merge(found.login, login, replaces=replaces or found.etag == etag)
        if merged == found.login:
            return found
        return StoredLogin(merged, self.database.write(merged, found.etag, ends_others=ends_others))
