"""Removing folders that others have filled: an agent, or whoever made a repository.

The standard library's ways do not do for these. shutil.rmtree calls itself for each level, so that a folder
some thousand levels deep ends whoever removes it; tempfile's, before 3.11.8 and 3.12.1, follows a link to
change the mode of what it leads to (CVE-2023-6597).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["remove_tree", "temporary_folder"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A new private folder, removed when the block ends. Raises OSError when it cannot be made."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    finally:
        remove_tree(folder)


def remove_tree(folder: Path) -> bool:
    """Remove ``folder`` with all that is in it, however deep and whatever its modes; no link is followed.

    Whether nothing is left: what cannot be removed stays, and nothing is raised.
    """
    with suppress(OSError):
        _permit(folder, None)
        _empty(os.open(folder, _FOLDER))
        folder.rmdir()
    return not os.path.lexists(folder)


@dataclass(slots=True)
class _Level:
    """A folder on the way down: its name, which it is, and its folders that are still there."""

    name: str
    which: tuple[int, int]
    waiting: list[str]


def _empty(here: int) -> None:
    """Remove what is in the folder ``here``, which is closed. One descriptor is enough for any depth."""
    try:
        levels = [_Level("", _which(here), _without_files(here))]
        while levels:
            if levels[-1].waiting:
                name = levels[-1].waiting.pop()
                with suppress(OSError):
                    _permit(name, here)
                    here = _instead(here, name)
                    levels.append(_Level(name, _which(here), _without_files(here)))
                continue
            done = levels.pop()
            if levels:
                here = _instead(here, "..")
                if _which(here) != levels[-1].which:
                    return  # Somebody has moved it: the folder above it now is not ours.
                with suppress(OSError):
                    os.rmdir(done.name, dir_fd=here)
    finally:
        os.close(here)


def _instead(folder: int, name: str) -> int:
    """The folder ``name`` as it is seen from ``folder``, which is closed."""
    other = os.open(name, _FOLDER, dir_fd=folder)
    os.close(folder)
    return other


def _which(folder: int) -> tuple[int, int]:
    facts = os.fstat(folder)
    return facts.st_dev, facts.st_ino


def _without_files(folder: int) -> list[str]:
    """Remove what is no folder; the names of the folders that are left. None where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return []
    for name, is_folder in found:
        if not is_folder:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]


def _permit(name: str | Path, parent: int | None) -> None:
    """Let its owner read and change a folder, if it is one and not a link to one."""
    with suppress(OSError, NotImplementedError):
        if not hasattr(os, "O_PATH"):
            os.chmod(name, 0o700, dir_fd=parent, follow_symlinks=False)
            return
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            os.chmod(f"/proc/self/fd/{handle}", 0o700)  # noqa: PTH101 - of the handle itself
        finally:
            os.close(handle)
