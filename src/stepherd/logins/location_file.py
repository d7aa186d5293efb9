"""A login database on disk, changed in place by SQLite's transactions, as the CLI itself does it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from stepherd.errors import NotFoundError
from stepherd.logins.aside import check_no_other_file, check_place, move_aside
from stepherd.logins.database import read_login, write_login
from stepherd.logins.kinds import LoginKind
from stepherd.logins.location import StoredLogin
from stepherd.logins.login import Login
from stepherd.logins.rows import profile_fields, registration_fields, row_text, token_fields
from stepherd.logins.snapshots import MAGIC, copy_database
from stepherd.services.disk import disk_error
from stepherd.services.store.contract import PreconditionFailed

__all__ = ["FileDatabase"]


@dataclass(frozen=True, slots=True)
class FileDatabase:
    """The database at ``path``; the CLI may use it at the same time."""

    kind: LoginKind
    path: Path

    def load(self) -> StoredLogin | None:
        """The stored login; None when there is no file. Raises UsageError for a device and the like."""
        check_place(self.path)
        try:
            login = read_login(self.path, self.kind)
        except NotFoundError:
            return None
        return StoredLogin(login, _etag(login))

    def write(self, login: Login, etag: str | None, *, ends_others: bool = False) -> str:
        """Write ``login`` if the rows are still those of ``etag``. Raises PreconditionFailed."""

        def unchanged(found: Login) -> None:
            if _etag(found) != (etag or _etag(Login(self.kind))):
                raise PreconditionFailed(f"The login in {self.path} has changed; another writer was first.")

        write_login(self.path, login, before=unchanged, ends_others=ends_others)
        return _etag(login)

    def replace_damaged(self, login: Login) -> str:
        """Rename what is damaged, with its journals, and write ``login`` into a new file."""
        self.check_target()
        move_aside(self.path)
        return self.write(login, None)

    def check_target(self) -> None:
        """Refuse a device and the like, and a file that is something else. Raises UsageError."""
        check_place(self.path)
        try:
            with self.path.open("rb") as file:
                begin = file.read(len(MAGIC))
        except (FileNotFoundError, IsADirectoryError):
            return
        except OSError as error:
            raise disk_error(error, "Reading", self.path) from error
        check_no_other_file(self.path.name, begin, str(self.path))

    def download(self, path: Path) -> bool:
        """Put a copy of the database at ``path`` (0600); False when there is none."""
        try:
            read_login(self.path, self.kind)
            copy_database(self.path, path)
        except NotFoundError:
            return False
        return True


def _etag(login: Login) -> str:
    """A digest of the rows of ``login``; an empty file and no file have the same."""
    fields = {
        "token": login.token and token_fields(login.token),
        "registration": login.registration and registration_fields(login.registration),
        "profile": login.profile and profile_fields(login.profile),
    }
    return hashlib.sha256(row_text(fields).encode()).hexdigest()
