"""ETags of files: the SHA-256 of the content, remembered beside it so that listings need not read it.

The memory is an extended attribute with the size and modification time it holds for. Whoever edits
the file changes these, and the digest is computed again. File systems without attributes only lose
the memory.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from stepherd.services.disk import CHUNK

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["computed_etag", "new_digest", "remember", "remembered_etag"]

_ATTRIBUTE = "user.stepherd.etag"


def new_digest() -> _Hash:
    """A running SHA-256 (hashlib is loaded here because OpenSSL takes a third of our start-up time)."""
    return hashlib.sha256(usedforsecurity=False)


def computed_etag(file: int) -> str:
    """The ETag of what the descriptor ``file`` holds from its present offset on. Raises OSError."""
    digest = new_digest()
    while chunk := os.read(file, CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def remembered_etag(file: int) -> str:
    """The ETag kept with the file if it still holds, else the computed one. Raises OSError."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError):
            facts, _, etag = os.getxattr(file, _ATTRIBUTE).decode("ascii").rpartition(" ")
            if facts == _facts(file):
                return etag
    return computed_etag(file)


def remember(file: int, etag: str) -> None:
    """Keep ``etag`` with the file, which is not written to any more; where that is impossible, do without."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setxattr(file, _ATTRIBUTE, f"{_facts(file)} {etag}".encode("ascii"))


def _facts(file: int) -> str:
    found = os.fstat(file)
    return f"{found.st_size} {found.st_mtime_ns}"
