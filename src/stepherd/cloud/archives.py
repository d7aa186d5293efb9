"""Zip archives that are the same, byte for byte, wherever and whenever they are made of the same files."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stepherd.services.disk import CHUNK, disk_error

__all__ = ["digest_of", "write_archive"]

_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_REGULAR: Final = 0o100000


def write_archive(files: Iterable[tuple[str, Path]], target: Path) -> str:
    """Pack files, given as name and path, into ``target``; the SHA-256 of the archive, in hex.

    Only files that begin with ``#!`` can be executed: neither a checkout's umask nor pip changes the archive.
    Raises StorageError, CredentialsError for a file that cannot be read or written.
    """
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in sorted(files):
                content = path.read_bytes()
                entry = zipfile.ZipInfo(name, _MOMENT)
                entry.create_system = _UNIX
                entry.external_attr = (_REGULAR | (0o755 if content[:2] == b"#!" else 0o644)) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)
    except OSError as error:
        raise disk_error(error, "Packing", error.filename or target) from error
    return digest_of(target)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
