"""A store that is listed once, for a process that works on a folder alone: what the list has not is not asked
for, and what is small and ours is read once.

On S3 each question is a conversation of some ten milliseconds, and most of a step's questions are for objects
that are not there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stepherd.errors import StepherdError
from stepherd.services.store.contract import ObjectInfo, Store, StoredObject, not_there
from stepherd.services.store.keys import check_key, check_prefix

__all__ = ["ListedStore"]

_READ_ONCE = ".json"
"""How the names of objects end whose content is remembered."""


@dataclass(slots=True)
class _Known:
    """The objects below a store, by their keys there; shared by the parts of that store."""

    store: Store
    lock: threading.RLock = field(default_factory=threading.RLock)
    bodies: dict[str, StoredObject] = field(default_factory=dict)
    _objects: dict[str, ObjectInfo] | None = None

    def objects(self) -> dict[str, ObjectInfo]:
        """Listed at the first call, and at the first one after ``forget``."""
        if self._objects is None:
            self._objects = {info.key: info for info in self.store.list()}
        return self._objects

    def note(self, key: str, info: ObjectInfo | None) -> None:
        """Take in a write of ours, or with None a removal. Before the first list there is nothing to take it
        into: that list will show it."""
        with self.lock:
            self.bodies.pop(key, None)
            if self._objects is None:
                return
            if info is None:
                self._objects.pop(key, None)
            else:
                self._objects[key] = info

    def forget(self) -> None:
        """Someone else has written, or it is not known what was."""
        self._objects = None
        self.bodies.clear()


class ListedStore:
    """``store`` as it was at the first question, with what was written through this object since.

    Writes of others are seen once a write of ours fails, such as one under a condition that does not hold any
    more. Several threads may use it.
    """

    def __init__(self, store: Store, known: _Known | None = None, prefix: str = "") -> None:
        self._store = store
        self._known = known or _Known(store)
        self._prefix = prefix

    @property
    def reference(self) -> str:
        """The reference of the store itself."""
        return self._store.reference

    def get(self, key: str) -> StoredObject:
        """Read an object whole. Raises ObjectNotFound."""
        whole = self._there(key)
        with self._known.lock:
            if whole in self._known.bodies:
                return self._known.bodies[whole]
            found = self._store.get(key)
            if whole.endswith(_READ_ONCE):
                self._known.bodies[whole] = found
            return found

    def get_from(self, key: str, offset: int) -> bytes:
        """Return an object's bytes from ``offset`` on; empty behind its end. Raises ObjectNotFound."""
        self._there(key)
        return self._store.get_from(key, offset)

    def put(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """Write an object and return its ETag. Raises PreconditionFailed, WriteConflict."""
        with self._writing():
            etag = self._store.put(key, body, if_match=if_match, if_none_match=if_none_match)
        self._written(key, len(body), etag)
        return etag

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with ``prefix``, sorted by key."""
        start = self._prefix + check_prefix(prefix)
        with self._known.lock:
            found = sorted(
                (info for key, info in self._known.objects().items() if key.startswith(start)),
                key=lambda info: info.key,
            )
        for info in found:
            yield ObjectInfo(info.key.removeprefix(self._prefix), info.size, info.etag, info.modified)

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none."""
        with self._writing():
            self._store.delete(key)
        self._known.note(self._prefix + key, None)

    def download(self, key: str, path: Path) -> str:
        """Stream an object to the file ``path``; return its ETag. Raises ObjectNotFound."""
        self._there(key)
        return self._store.download(key, path)

    def upload(
        self, path: Path, key: str, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        """Stream the file ``path`` to an object. Raises as ``put`` does, and NotFoundError."""
        with self._writing():
            etag = self._store.upload(path, key, if_match=if_match, if_none_match=if_none_match)
        self._written(key, path.stat().st_size, etag)
        return etag

    def child(self, prefix: str) -> ListedStore:
        """The part of this store under ``prefix``, which needs no list of its own."""
        inner = check_prefix(prefix).removesuffix("/")
        where = f"{self._prefix}{inner}/" if inner else self._prefix
        return ListedStore(self._store.child(prefix), self._known, where)

    def exists(self, key: str) -> bool:
        """Whether there is an object under ``key``."""
        with self._known.lock:
            return self._prefix + check_key(key) in self._known.objects()

    def _there(self, key: str) -> str:
        if not self.exists(key):
            raise not_there(key, self.reference)
        return self._prefix + key

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except StepherdError:
            with self._known.lock:
                self._known.forget()
            raise

    def _written(self, key: str, size: int, etag: str) -> None:
        whole = self._prefix + key
        self._known.note(whole, ObjectInfo(whole, size, etag, datetime.now(UTC)))
