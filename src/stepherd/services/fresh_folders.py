"""New folders for what lies in folders that others may have open.

A process that has a folder open can change its contents for as long as it likes, even after the folder was
moved; and it can give that handle to any other process by a socket. No process has a handle of a new folder.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from stepherd.services.folder_walk import give_right
from stepherd.services.removal import remove_tree

__all__ = ["FoldersChanged", "renew_folders"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FoldersChanged(OSError):
    """Somebody moved folders meanwhile, so that no one knows whose they are."""


def renew_folders(top: Path) -> None:
    """Move all that is below ``top`` into new folders, whose outermost takes its place.

    Files, links and pipes stay the same ones; folders keep their times and their modes, but for what their
    owner may. No link is followed. Raises OSError, and of these FoldersChanged.
    """
    fresh, old = (top.with_name(f"{top.name}.{end}") for end in ("fresh", "old"))
    for path in (fresh, old):
        remove_tree(path)
    fresh.mkdir(mode=0o700)
    give_right(top, None, stat.S_IRWXU)
    _move_all(os.open(top, _FOLDER), os.open(fresh, _FOLDER))
    top.rename(old)
    fresh.rename(top)
    remove_tree(old)


def _move_all(here: int, there: int) -> None:
    """Move everything; both descriptors are closed. One on each side does for any depth."""
    try:
        levels = [(os.fstat(here), _move_files(here, there))]
        while levels:
            facts, waiting = levels[-1]
            if waiting:
                name = waiting.pop()
                here, there = _instead(here, name), _instead(there, name)
                levels.append((os.fstat(here), _move_files(here, there)))
                continue
            os.fchmod(there, stat.S_IMODE(facts.st_mode) | stat.S_IRWXU)
            os.utime(there, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            levels.pop()
            if levels:
                here, there = _instead(here, ".."), _instead(there, "..")
                if not os.path.samestat(os.fstat(here), levels[-1][0]):
                    raise _changed()
    finally:
        os.close(here)
        os.close(there)


def _instead(folder: int, name: str) -> int:
    """The folder ``name`` as it is seen from ``folder``, which is closed."""
    other = os.open(name, _FOLDER, dir_fd=folder)
    os.close(folder)
    return other


def _move_files(here: int, there: int) -> list[str]:
    """Move what is no folder, and make the folders again; their names."""
    folders: list[str] = []
    for name, is_folder in _entries(here):
        with suppress(FileNotFoundError):  # Somebody has taken it away.
            if is_folder:
                give_right(name, here, stat.S_IRWXU)
                os.mkdir(name, 0o700, dir_fd=there)
                folders.append(name)
            else:
                os.rename(name, name, src_dir_fd=here, dst_dir_fd=there)
    if sum(is_folder for _, is_folder in _entries(there)) != len(folders):
        # One came in the place of a file in that moment, from somebody who may have it open.
        raise _changed()
    return folders


def _entries(folder: int) -> list[tuple[str, bool]]:
    """The names in a folder, and which are folders."""
    with os.scandir(folder) as entries:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]


def _changed() -> FoldersChanged:
    return FoldersChanged(errno.EBUSY, "Somebody changes folders that are being moved")
