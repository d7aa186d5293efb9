"""Litter of a command in a folder: files that came while it ran, and that no one has touched since."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeAlias

__all__ = ["Look", "files_below", "remove_unchanged"]

Look: TypeAlias = tuple[int, int, int]
"""Inode, size in bytes, and time of the last change in nanoseconds."""


def files_below(folder: Path, *, but: Collection[str] = ()) -> dict[str, Look]:
    """How each file below ``folder`` looks that is not among ``but``, by its path. Links are not followed;
    what cannot be looked at, such as a path that is too long for the system, is left out."""
    found: dict[str, Look] = {}
    waiting = [os.fspath(folder)]  # No recursion: an agent's folders may be deeper than Python's stack.
    while waiting:
        where = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(where) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if where != os.fspath(folder) or entry.name != ".git":
                        waiting.append(entry.path)
                elif entry.path not in but:
                    with contextlib.suppress(OSError):
                        look = entry.stat(follow_symlinks=False)
                        found[entry.path] = (look.st_ino, look.st_size, look.st_mtime_ns)
    return found


def remove_unchanged(folder: Path, litter: Mapping[str, Look]) -> None:
    """Remove those of ``litter`` that are as they were. Only what is found below ``folder`` without
    following a link is removed: whoever was in it meanwhile may have put a link into the way."""
    for path, look in files_below(folder).items():
        if litter.get(path) == look:
            os.unlink(path)  # noqa: PTH108 - as above
