"""Making a home that its owner alone can look into."""

from __future__ import annotations

from pathlib import Path

from stepherd.errors import StorageError

__all__ = ["make_private"]


def make_private(home: Path) -> None:
    """Make a home that only its owner can look into, unless it is there."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        words = f"The home {home} cannot be used: {error.strerror}."
        raise StorageError(words, remedy="Choose another with --home or STEPHERD_HOME.") from error
