"""Writing and removing one file in an open folder: atomically, durably, and only if a condition holds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from stepherd.services.disk import locked, new_name, write_all
from stepherd.services.store import folder_etags
from stepherd.services.store.contract import PreconditionFailed
from stepherd.services.store.folder_tree import open_file

__all__ = ["Condition", "remove_file", "write_file"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the file that a write replaces."""

    etag: str | None = None
    absent: bool = False

    def check(self, folder: int, name: str) -> None:
        """Raise PreconditionFailed unless the file ``name`` is as demanded."""
        if self.etag is None and not self.absent:
            return
        current = _current_etag(folder, name)
        if self.absent and current is not None:
            raise PreconditionFailed(f"{name!r} already exists; another writer was first.")
        if self.etag is not None and current != self.etag:
            state = "no longer exists" if current is None else "has changed since it was read"
            raise PreconditionFailed(f"{name!r} {state}; another writer was first.")


def write_file(folder: int, name: str, chunks: Iterable[bytes], condition: Condition) -> str:
    """Make ``chunks`` the content of the file ``name`` and return its ETag.

    The folder is locked only for the check and the rename. Raises OSError and PreconditionFailed,
    after which everything is as before.
    """
    unfinished = new_name()
    try:
        etag = _write_unfinished(folder, unfinished, chunks)
        with locked(folder):
            condition.check(folder, name)
            os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)
        raise
    return etag


def remove_file(folder: int, name: str) -> None:
    """Remove the file ``name``, durably; nothing happens when there is none. Raises OSError."""
    with locked(folder), suppress(FileNotFoundError, IsADirectoryError):
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)


def _write_unfinished(folder: int, name: str, chunks: Iterable[bytes]) -> str:
    digest = folder_etags.new_digest()
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        for chunk in chunks:
            digest.update(chunk)
            write_all(file, chunk)
        folder_etags.remember(file, digest.hexdigest())
        os.fsync(file)
    finally:
        os.close(file)
    return digest.hexdigest()


def _current_etag(folder: int, name: str) -> str | None:
    try:
        file = open_file(folder, name)
    except FileNotFoundError:
        return None
    try:
        return folder_etags.computed_etag(file)
    finally:
        os.close(file)
