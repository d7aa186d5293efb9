"""A secret document in a private file: ``file:PATH``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from stepherd.errors import DataError
from stepherd.services.disk import disk_error, folder_lock, replacement, write_all
from stepherd.services.secrets.documents import Document
from stepherd.services.secrets.local import path_of
from stepherd.services.store.contract import PreconditionFailed

__all__ = ["FileDocument"]


@dataclass(frozen=True, slots=True)
class FileDocument:
    """A file that only its owner can read (0600); one that is not there yet reads as empty."""

    path: Path

    @classmethod
    def open(cls, reference: str) -> FileDocument:
        """The document at ``file:PATH``. Raises UsageError when that names nothing."""
        return cls(path_of(reference))

    @property
    def reference(self) -> str:
        """The reference in the form ``file:PATH``."""
        return f"file:{self.path}"

    def read(self) -> Document:
        """Read it. Raises CredentialsError, StorageError, and DataError when it is not text."""
        try:
            content = self.path.read_bytes()
            return Document(content.decode(), hashlib.sha256(content).hexdigest())
        except FileNotFoundError:
            return Document()
        except UnicodeDecodeError:
            raise DataError(f"{str(self.path)!r} is not UTF-8 text.", remedy="Name another file.") from None
        except OSError as error:
            raise disk_error(error, "Reading", self.path) from error

    def write(self, text: str, *, version: str) -> None:
        """Replace it whole. Raises PreconditionFailed, StorageError."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with folder_lock(self.path.parent):
                if self.read().version != version:
                    raise PreconditionFailed(f"{str(self.path)!r} has changed; another writer was first.")
                with replacement(self.path) as file:
                    write_all(file, text.encode())
        except OSError as error:
            raise disk_error(error, "Writing", self.path) from error
