"""A folder that another owns, read as data: no link is followed, no pipe waited for, every size bounded."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

__all__ = ["UntrustedFolder", "open_untrusted"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class UntrustedFolder:
    """An open folder. Names are single components; what is no plain file or folder raises OSError."""

    handle: int

    def names(self, most: int) -> tuple[list[str], bool]:
        """The names in it, sorted, at most ``most`` of them; and whether these are all."""
        found: list[str] = []
        with os.scandir(self.handle) as entries:
            for entry in entries:
                if len(found) == most:
                    return sorted(found), False
                found.append(entry.name)
        return sorted(found), True

    @contextmanager
    def folder(self, name: str) -> Iterator[UntrustedFolder]:
        """The folder of that name, open for the length of a block."""
        handle = os.open(_single(name), _FOLDER, dir_fd=self.handle)
        try:
            yield UntrustedFolder(handle)
        finally:
            os.close(handle)

    def is_folder(self, name: str) -> bool:
        """Whether there is a folder of that name, and no link to one."""
        return stat.S_ISDIR(os.stat(_single(name), dir_fd=self.handle, follow_symlinks=False).st_mode)

    def open(self, name: str) -> IO[bytes]:
        """The plain file of that name, unbuffered."""
        handle = os.open(_single(name), _FILE, dir_fd=self.handle)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(f"{name!r} is no plain file")
        return os.fdopen(handle, "rb", buffering=0)

    def read(self, name: str, most: int) -> bytes:
        """The contents of a file of at most ``most`` bytes."""
        with self.open(name) as file:
            data = bytearray()
            while len(data) <= most and (piece := file.read(most + 1 - len(data))):
                data += piece
        if len(data) > most:
            raise OSError(f"{name!r} is larger than {most} bytes")
        return bytes(data)

    def read_last(self, name: str, most: int) -> bytes:
        """The last ``most`` bytes of a file."""
        with self.open(name) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read(most) or b""


@contextmanager
def open_untrusted(path: Path) -> Iterator[UntrustedFolder]:
    """The folder at ``path``, whose last component must be no link. Raises OSError."""
    handle = os.open(path, _FOLDER)
    try:
        yield UntrustedFolder(handle)
    finally:
        os.close(handle)


def _single(name: str) -> str:
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise OSError(f"{name!r} is not a file name")
    return name
