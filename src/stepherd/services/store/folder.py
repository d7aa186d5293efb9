"""The store on disk: one file per object, whole or absent, safe between processes.

A write goes to an unfinished file, reaches the disk (fsync) and takes its name by rename(2), while
the object's folder is locked (flock(2) on the folder itself: no lock files, and a writer that dies
lets go). So ``if_match`` and ``if_none_match`` hold between processes, also when these opened the
store at different depths. The ETag is the SHA-256 of the content.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stepherd.errors import NotFoundError, UsageError
from stepherd.services.disk import disk_error, replacement, write_all
from stepherd.services.store import folder_etags, folder_tree, folder_writes
from stepherd.services.store.contract import ObjectInfo, ObjectNotFound, StoredObject, not_there
from stepherd.services.store.folder_writes import Condition
from stepherd.services.store.keys import check_key, check_prefix

__all__ = ["FolderStore"]

_ABSENT = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True, slots=True)
class FolderStore:
    """The objects below a folder, as files of this user alone (0600, folders 0700)."""

    root: Path
    """Absolute. Links may lead to it; below it none is followed."""
    prefix: str = ""
    """Of this store's keys below ``root``: empty, or with a slash at its end."""

    @classmethod
    def open(cls, reference: str) -> FolderStore:
        """The store of ``file:///path`` (percent-encoded) or of a path. Raises UsageError."""
        return cls(_folder_of(reference))

    @property
    def reference(self) -> str:
        """``file:///abs/path``, percent-encoded, without a trailing slash."""
        return (self.root / self.prefix).as_uri()

    def get(self, key: str) -> StoredObject:
        """Read an object whole. Raises ObjectNotFound."""
        digest = folder_etags.new_digest()
        body = bytearray()
        for chunk in self._chunks(key):
            digest.update(chunk)
            body += chunk
        return StoredObject(bytes(body), digest.hexdigest())

    def get_from(self, key: str, offset: int) -> bytes:
        """Return an object's bytes from ``offset`` on; empty behind its end. Raises ObjectNotFound."""
        file = self._open(key)
        os.lseek(file, offset, os.SEEK_SET)
        return b"".join(folder_tree.read_chunks(file, self._path(key)))

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write an object and return its ETag. Raises PreconditionFailed."""
        return self._write(key, (body,), Condition(if_match, if_none_match))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with ``prefix``, sorted by key."""
        where, slash, start = (self.prefix + check_prefix(prefix)).rpartition("/")
        try:
            folder = folder_tree.open_folder(self.root, where.split("/") if where else [])
            for holder, name, key in folder_tree.files_below(folder, where + slash, start):
                with suppress(FileNotFoundError):
                    yield _info(holder, name, key.removeprefix(self.prefix))
        except _ABSENT:
            return
        except OSError as error:
            raise disk_error(error, "Listing", self.root / where) from error

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none."""
        with suppress(*_ABSENT), self._holder(key, "Removing") as (folder, name):
            folder_writes.remove_file(folder, name)

    def download(self, key: str, path: Path) -> str:
        """Stream an object to the file ``path``; return its ETag. Raises ObjectNotFound."""
        digest = folder_etags.new_digest()
        try:
            with replacement(path) as file:
                for chunk in self._chunks(key):
                    digest.update(chunk)
                    write_all(file, chunk)
        except OSError as error:
            raise disk_error(error, "Writing", path) from error
        return digest.hexdigest()

    def upload(
        self, path: Path, key: str, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """Stream the file ``path`` to an object. Raises PreconditionFailed, NotFoundError."""
        try:
            source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no file {os.fspath(path)!r} to store.") from error
        except OSError as error:
            raise disk_error(error, "Reading", path) from error
        chunks = folder_tree.read_chunks(source, path)
        return self._write(key, chunks, Condition(if_match, if_none_match))

    def child(self, prefix: str) -> FolderStore:
        """The part of this store under ``prefix``."""
        inner = check_prefix(prefix).removesuffix("/")
        return FolderStore(self.root, f"{self.prefix}{inner}/" if inner else self.prefix)

    def exists(self, key: str) -> bool:
        """Whether there is an object under ``key``."""
        try:
            os.close(self._open(key))
        except ObjectNotFound:
            return False
        return True

    def _chunks(self, key: str) -> Iterator[bytes]:
        yield from folder_tree.read_chunks(self._open(key), self._path(key))

    def _open(self, key: str) -> int:
        try:
            with self._holder(key, "Reading") as (folder, name):
                return folder_tree.open_file(folder, name)
        except _ABSENT as error:
            raise not_there(key, self.reference) from error

    def _write(self, key: str, chunks: Iterable[bytes], condition: Condition) -> str:
        try:
            with self._holder(key, "Writing", create=True) as (folder, name):
                return folder_writes.write_file(folder, name, chunks, condition)
        except _ABSENT as error:
            raise disk_error(error, "Writing", self._path(key)) from error

    @contextmanager
    def _holder(self, key: str, what: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder that holds ``key``, and the file's name in it; absence is left to the caller."""
        *folders, name = check_key(self.prefix + check_key(key)).split("/")
        try:
            folder = folder_tree.open_folder(self.root, folders, create=create)
            try:
                yield folder, name
            finally:
                os.close(folder)
        except _ABSENT:
            raise
        except OSError as error:
            raise disk_error(error, what, self._path(key)) from error

    def _path(self, key: str) -> Path:
        return self.root / self.prefix / key


def _info(folder: int, name: str, key: str) -> ObjectInfo:
    file = folder_tree.open_file(folder, name)
    try:
        found = os.fstat(file)
        etag = folder_etags.remembered_etag(file)
    finally:
        os.close(file)
    return ObjectInfo(key, found.st_size, etag, datetime.fromtimestamp(found.st_mtime, UTC))


def _folder_of(reference: str) -> Path:
    remedy = "Use a path or file:///path."
    if not reference or "\0" in reference:
        raise UsageError("The address of a store is empty or has a NUL character.", remedy=remedy)
    if reference.startswith(("file:", "s3:")):
        parts = urlsplit(reference)
        named = not parts.query and not parts.fragment and parts.netloc in {"", "localhost"}
        if (
            parts.scheme != "file"
            or not named
            or not parts.path.startswith("/")
            or "\0" in unquote(parts.path)
        ):
            raise UsageError(f"{reference!r} is not the address of a folder.", remedy=remedy)
        reference = unquote(parts.path)
    return Path(os.path.abspath(reference))  # noqa: PTH100 - resolve() would replace the user's own links
