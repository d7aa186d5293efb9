"""Contents of Git LFS in a repository on this machine: where its git-lfs looks for them (docs/spec.md)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepherd.errors import StorageError
from stepherd.repositories.lfs_pointer import Pointer
from stepherd.services.file_modes import umask_of_user

__all__ = ["LfsFolder"]


@dataclass(frozen=True, slots=True)
class LfsFolder:
    """A repository's folder ``lfs/objects``, as the target of an upload."""

    folder: Path

    def lacks(self, pointers: Collection[Pointer], _branch: str) -> dict[str, Mapping[str, Any] | str]:
        """Missing contents, by digest. The values mean nothing here."""
        return {each.oid: {} for each in pointers if not _is_there(self._path(each), each.size)}

    def upload(self, pointer: Pointer, file: Path, _actions: Mapping[str, Any]) -> None:
        """Copy the content into its place, where it appears only when it is whole. Raises StorageError."""
        path = self._path(pointer)
        umask = umask_of_user()
        mask = 0o022 if umask < 0 else umask
        try:
            for folder in reversed([folder for folder in path.parents if not folder.exists()]):
                folder.mkdir()
                folder.chmod(0o777 & ~mask)
            handle, partial = tempfile.mkstemp(dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as out, file.open("rb") as content:
                    shutil.copyfileobj(content, out, 1 << 20)
                    os.fchmod(out.fileno(), 0o666 & ~mask)
                    out.flush()
                    os.fsync(out.fileno())
                Path(partial).rename(path)
            finally:
                Path(partial).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"A content of Git LFS could not be written to {path}: {error.strerror}.",
                remedy="Check the folder's rights, and that the disk has room.",
            ) from error

    def _path(self, pointer: Pointer) -> Path:
        return self.folder / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
