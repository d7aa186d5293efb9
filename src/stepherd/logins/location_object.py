"""A login database as one object of a store, replaced whole under a condition; never a file in between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stepherd.logins.aside import check_no_other_file
from stepherd.logins.database import login_in, with_login
from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.kinds import LoginKind
from stepherd.logins.location import StoredLogin
from stepherd.logins.login import Login
from stepherd.logins.snapshots import MOST_BYTES, too_large, write_file
from stepherd.services.store.contract import ObjectNotFound, PreconditionFailed, Store, StoredObject

__all__ = ["ObjectDatabase"]


@dataclass(frozen=True, slots=True)
class ObjectDatabase:
    """The database under ``key`` in ``store``."""

    kind: LoginKind
    store: Store
    key: str

    @property
    def reference(self) -> str:
        """Of the object, for people."""
        return f"{self.store.reference}/{self.key}"

    def load(self) -> StoredLogin | None:
        """The stored login; None when there is no object."""
        found = self._get()
        if found is None:
            return None
        return StoredLogin(login_in(found.body, self.kind, self.reference), found.etag)

    def write(self, login: Login, etag: str | None, *, ends_others: bool = False) -> str:
        """Write ``login`` into a copy of the object and put that in its place.

        Raises PreconditionFailed when the object is not the one of ``etag`` any more, WriteConflict.
        """
        found = self._get()
        body, now = (None, None) if found is None else (found.body, found.etag)
        if now != etag:
            raise PreconditionFailed(f"{self.reference} has changed; another writer was first.")
        body = with_login(body, login, self.reference, ends_others=ends_others)
        return self.store.put(self.key, body, if_match=etag, if_none_match=etag is None)

    def replace_damaged(self, login: Login) -> str:
        """Keep what is damaged under ``<key>.damaged`` and put a new database in its place.

        One that is too large to be one is not kept, but where the bucket keeps versions.
        """
        self.check_target()
        found = next(info for info in self.store.list(self.key) if info.key == self.key)
        if found.size <= MOST_BYTES:
            self.store.put(f"{self.key}.damaged", self.store.get(self.key).body)
        return self.store.put(self.key, with_login(None, login, self.reference), if_match=found.etag)

    def check_target(self) -> None:
        """Refuse an object that is something else. Raises UsageError."""
        try:
            found = self._get()
            begin = b"" if found is None else found.body
        except DamagedDatabase:
            begin = b"too large to look into"
        check_no_other_file(self.key.rpartition("/")[2], begin, self.reference)

    def download(self, path: Path) -> bool:
        """Put a copy of the database at ``path`` (0600); False when there is none."""
        found = self._get()
        if found is None:
            return False
        login_in(found.body, self.kind, self.reference)
        write_file(path, found.body)
        return True

    def _get(self) -> StoredObject | None:
        """The object; None when there is none. Raises DamagedDatabase for one that is too large to fetch."""
        if any(info.key == self.key and info.size > MOST_BYTES for info in self.store.list(self.key)):
            raise too_large(self.reference)
        try:
            return self.store.get(self.key)
        except ObjectNotFound:
            return None
