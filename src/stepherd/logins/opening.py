"""Finding where a login is kept from a reference: a file on disk, or an object of a store."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from stepherd.errors import UsageError
from stepherd.logins.kinds import DATABASE_NAME, LoginKind
from stepherd.logins.location import LoginLocation
from stepherd.logins.location_file import FileDatabase
from stepherd.logins.location_object import ObjectDatabase
from stepherd.services.store.contract import Store
from stepherd.services.store.folder import FolderStore
from stepherd.services.store.opening import open_store

__all__ = ["default_key", "open_location"]

_REMEDY: Final = "Use s3://bucket/…/data.sqlite3 or a path."


def default_key(kind: LoginKind) -> str:
    """Where the store keeps the login of ``kind`` when no reference is given."""
    return f"logins/{kind.name}/{DATABASE_NAME}"


def open_location(kind: LoginKind, reference: str | None, store: Store | None = None) -> LoginLocation:
    """The place that ``reference`` names: ``s3://bucket/…/data.sqlite3``, ``file:///…`` or a path.

    Without one it is in ``store``. A reference that ends with a slash means data.sqlite3 in there. Raises
    UsageError when neither is given, and what ``open_store`` raises.
    """
    whole = reference or (f"{store.reference}/{default_key(kind)}" if store is not None else "")
    if not whole:
        raise UsageError(
            f"No location is set for the login of {kind.title}.",
            remedy=_REMEDY,
        )
    where, _, name = whole.rpartition("/")
    name = name or DATABASE_NAME
    if where in {"s3:/", "file:/"}:
        raise UsageError(f"{whole!r} does not name a database.", remedy=_REMEDY)
    folder = open_store(where or ("/" if whole.startswith("/") else "."))
    return _in_folder(kind, folder, unquote(name) if whole.startswith("file:") else name)


def _in_folder(kind: LoginKind, folder: Store, name: str) -> LoginLocation:
    prefix = "" if name == DATABASE_NAME else f"{name}."
    if isinstance(folder, FolderStore):
        path = folder.root / folder.prefix / name
        return LoginLocation(kind, path.as_uri(), folder, prefix, FileDatabase(kind, path))
    reference = f"{folder.reference}/{name}"
    return LoginLocation(kind, reference, folder, prefix, ObjectDatabase(kind, folder, name))
