"""Errors for a journal that cannot be read or written."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from stepherd.errors import DataError, StepherdError, StorageError
from stepherd.remedies import Remedy

__all__ = ["corrupt", "refused", "unusable"]


def corrupt(path: Path, reason: str) -> DataError:
    """The file is not what it should be."""
    return DataError(
        f"The journal {path} cannot be read ({reason}); it was not changed.",
        remedy=f"Restore a copy, or start with a new one after 'mv {path} {path}.corrupt'.",
    )


def refused(path: Path, reason: str) -> StorageError:
    """The system does not let it be written."""
    return StorageError(
        f"The journal {path} cannot be written: {reason}.",
        remedy=Remedy("Free some space or choose another --home, then continue with '", ("resume",), "'."),
    )


def unusable(path: Path, error: sqlite3.DatabaseError) -> StepherdError:
    """One of the two, by what SQLite says."""
    if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
        return refused(path, str(error))
    return corrupt(path, str(error))
