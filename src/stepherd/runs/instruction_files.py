"""Reading instructions from a disk: regular files only, no link followed, never more than was asked for."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from stepherd.errors import DataError
from stepherd.text.plain import one_paragraph

__all__ = ["files_below", "read_file"]


def files_below(folder: Path, most: int) -> dict[str, int]:
    """The sizes of the regular files below ``folder`` by relative name ('/'-separated), at most ``most``.

    Links, devices and ``.git`` are refused or left out: a link is a DataError naming it, for it may lead
    out of the folder, and leaving it out would change what was asked for.
    """
    found: dict[str, int] = {}
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted([*names, *(name for name in folders if Path(where, name).is_symlink())]):
            path = Path(where, name)
            found[path.relative_to(folder).as_posix()] = _size_of(path)
            if len(found) >= most:
                return found
    return found


def read_file(path: Path, most: int) -> bytes:
    """The content of a regular file of at most ``most`` bytes. ``path`` must not be a link itself."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refusal(path, str(error.strerror)) from None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _refusal(path, "it is not a regular file")
        body = file.read(most + 1)
    if len(body) > most:
        raise _refusal(path, f"it is larger than {most:,} bytes")
    return body


def _size_of(path: Path) -> int:
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode):
        raise _refusal(path, "it is a link" if stat.S_ISLNK(facts.st_mode) else "it is not a regular file")
    if any(ord(character) < 32 or ord(character) == 127 for character in path.name):
        raise _refusal(path, "its name has a control character")
    return facts.st_size


def _refusal(path: Path, reason: str) -> DataError:
    return DataError(
        f"The instruction file {one_paragraph(str(path), 200)} cannot be used: {reason}.",
        remedy="Replace it with a plain file, or leave it out.",
    )
