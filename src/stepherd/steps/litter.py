"""What a command left behind in a folder: files that came while it ran, and that nobody has touched since."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeAlias

__all__ = ["Look", "files_below", "remove_unchanged"]

Look: TypeAlias = tuple[int, int, int]
"""Inode, size in bytes, and time of the last change in nanoseconds."""


def files_below(folder: Path, *, but: Collection[str] = ()) -> dict[str, Look]:
    """How each file below ``folder`` looks that is not among ``but``, by its path. Links are not followed."""
    found: dict[str, Look] = {}
    for where, folders, names in os.walk(folder):
        if Path(where) == folder and ".git" in folders:
            folders.remove(".git")
        for name in names:
            path = os.path.join(where, name)  # noqa: PTH118 - once for every file of a workspace
            if path not in but:
                look = os.lstat(path)
                found[path] = (look.st_ino, look.st_size, look.st_mtime_ns)
    return found


def remove_unchanged(folder: Path, litter: Mapping[str, Look]) -> None:
    """Remove those of ``litter`` that are as they were. Only what is found below ``folder`` without
    following a link is removed: whoever was in it meanwhile may have put a link into the way."""
    for path, look in files_below(folder).items():
        if litter.get(path) == look:
            os.unlink(path)  # noqa: PTH108 - as above
