"""Making a home that its owner alone can look into, and folders in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from stepherd.errors import StorageError
from stepherd.services.disk import NO_ROOM

__all__ = ["make_private", "scratch_folder"]


def make_private(home: Path) -> None:
    """Make a home that only its owner can look into, unless it is there."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unusable(home, error) from error


def scratch_folder(home: Path, prefix: str) -> tempfile.TemporaryDirectory[str]:
    """A new folder in a home, removed after use. Raises StorageError where the home cannot be written to."""
    try:
        return tempfile.TemporaryDirectory(prefix=prefix, dir=home)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise _unusable(home, error) from error


def _unusable(home: Path, error: OSError) -> StorageError:
    words = f"The home {home} cannot be used: {error.strerror}."
    return StorageError(words, remedy="Choose another with --home or STEPHERD_HOME.")
