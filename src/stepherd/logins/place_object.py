"""A login database as one object of a store, replaced whole under a condition."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.logins.database import check_database, read_login, write_login
from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.kinds import LoginKind
from stepherd.logins.login import Login
from stepherd.logins.place import StoredLogin
from stepherd.logins.snapshots import MOST_BYTES, copy_database
from stepherd.services.store import ObjectNotFound, PreconditionFailed, Store

__all__ = ["ObjectDatabase"]

_NAME: Final = "data.sqlite3"


@dataclass(frozen=True, slots=True)
class ObjectDatabase:
    """The database under ``key`` in ``store``."""

    kind: LoginKind
    store: Store
    key: str

    def load(self) -> StoredLogin | None:
        """What is stored; None when there is no object."""
        with _private_folder() as folder:
            etag = self._fetch(folder / _NAME)
            return None if etag is None else StoredLogin(read_login(folder / _NAME, self.kind), etag)

    def write(self, login: Login, etag: str | None) -> str:
        """Write ``login`` into a copy of the object and put that in its place.

        Raises PreconditionFailed when the object is not the one of ``etag`` any more, WriteConflict.
        """
        with _private_folder() as folder:
            path = folder / _NAME
            if self._fetch(path) != etag:
                raise PreconditionFailed(
                    f"The login in {self.store.reference}/{self.key} has changed; another writer was first."
                )
            write_login(path, login)
            return self.store.upload(path, self.key, if_match=etag, if_none_match=etag is None)

    def replace_damaged(self, login: Login) -> str:
        """Keep what is damaged under ``<key>.damaged`` and put a new database in its place."""
        with _private_folder() as folder:
            damaged, path = folder / "damaged", folder / _NAME
            etag = self.store.download(self.key, damaged)
            self.store.upload(damaged, f"{self.key}.damaged")
            write_login(path, login)
            return self.store.upload(path, self.key, if_match=etag)

    def download(self, path: Path) -> bool:
        """Put a copy of the database at ``path`` (0600); False when there is none."""
        with _private_folder() as folder:
            if self._fetch(folder / _NAME) is None:
                return False
            check_database(folder / _NAME)
            copy_database(folder / _NAME, path)
            return True

    def _fetch(self, path: Path) -> str | None:
        """Download the object to ``path``; its ETag, None when there is none."""
        size = next((info.size for info in self.store.list(self.key) if info.key == self.key), 0)
        if size > MOST_BYTES:
            raise DamagedDatabase(
                f"The login database {self.store.reference}/{self.key} is larger than "
                f"{MOST_BYTES >> 20} MiB.",
                remedy="It was left as it is. Log in again, or put a good copy in its place.",
            )
        try:
            return self.store.download(self.key, path)
        except ObjectNotFound:
            return None


@contextmanager
def _private_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stepherd-login-") as folder:
        yield Path(folder)
