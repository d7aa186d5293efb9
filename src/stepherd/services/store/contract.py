"""Stores: folders of objects with an ETag each, on S3 or on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stepherd.errors import NotFoundError, StorageError, TemporaryError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

__all__ = [
    "ObjectInfo",
    "ObjectNotFound",
    "PreconditionFailed",
    "Store",
    "StoredObject",
    "WriteConflict",
    "not_there",
]


class ObjectNotFound(NotFoundError):
    """The store has no object under that key."""


def not_there(key: str, reference: str) -> ObjectNotFound:
    """The error for ``key``, which the store at ``reference`` does not have."""
    return ObjectNotFound(
        f"There is no {key!r} in {reference}.",
        remedy="Check the name; the step that writes it may not have run yet.",
    )


class PreconditionFailed(StorageError):
    """Another writer was first (HTTP 412): read the object again before deciding what to write."""

    category = "precondition"


class WriteConflict(TemporaryError):
    """Two writes met (HTTP 409) and neither is known to be first: send the same write again."""

    category = "conflict"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was read in one piece."""

    body: bytes
    etag: str
    """Changes whenever the body does; opaque, without quotes."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object as a listing shows it."""

    key: str
    """Relative to the store that was listed."""
    size: int
    """The object's size in bytes."""
    etag: str
    modified: datetime
    """With a time zone, UTC."""


class Store(Protocol):
    """A folder of objects.

    Keys are relative and '/'-separated; one with an empty, '.' or '..' part, a control character or
    more than 1,024 bytes raises UsageError. Every method raises CredentialsError when access is
    refused, TemporaryError when the same call can succeed later and StorageError when the disk or
    bucket cannot do it. A write is all or nothing, whenever it is interrupted.
    """

    @property
    def reference(self) -> str:
        """``file:///abs/path`` or ``s3://bucket/prefix``, without a trailing slash; open_store takes it."""
        ...

    def get(self, key: str) -> StoredObject:
        """Read an object whole. Raises ObjectNotFound."""
        ...

    def get_from(self, key: str, offset: int) -> bytes:
        """Return an object's bytes from ``offset`` on; empty behind its end. Raises ObjectNotFound."""
        ...

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write an object and return its ETag.

        With ``if_match``, only over the object that has this ETag; with ``if_none_match``, only where
        there is none; else PreconditionFailed. WriteConflict means: send the same again.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with ``prefix`` (any text, as on S3), sorted by key."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none."""
        ...

    def download(self, key: str, path: Path) -> str:
        """Stream an object to the file ``path``, which appears whole or not at all; return its ETag.

        Raises ObjectNotFound, and StorageError when ``path`` cannot be written.
        """
        ...

    def upload(
        self, path: Path, key: str, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """Stream the file ``path`` to an object; conditions, result and errors as for ``put``."""
        ...

    def child(self, prefix: str) -> Store:
        """The part of this store under ``prefix``, as a store of its own."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object under ``key``."""
        ...
