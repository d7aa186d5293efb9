"""Private folders that vanish with the work that needed them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepherd.errors import StorageError
from stepherd.services.removal import temporary_folder

__all__ = ["private_folder"]


@contextmanager
def private_folder(scratch: Path, purpose: str) -> Iterator[Path]:
    """A new folder of mode 0700 below ``scratch`` (made where it is missing), removed when the block ends.

    An OSError inside the block, a full disk for one, becomes a StorageError.
    """
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        with temporary_folder(f"{purpose}-", scratch) as folder:
            yield folder
    except OSError as error:
        raise StorageError(
            f"Working in {scratch} failed: {error.strerror or error}.",
            remedy="Free some space, or point STEPHERD_HOME at another disk.",
        ) from error
