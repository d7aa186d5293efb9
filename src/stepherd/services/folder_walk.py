"""Looking at all that is in a folder that others have filled: however deep, of any modes and kinds.

No link is followed, and nothing is opened but folders. Where the owner of a file or folder, who is this
process, may not read it, that right is given first.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["Found", "FolderWalk", "give_right"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FILE: Final = stat.S_IRUSR
_READ_FOLDER: Final = stat.S_IRUSR | stat.S_IXUSR


@dataclass(slots=True)
class Found:
    """One thing in a folder. ``parent`` is the folder's descriptor, good until the next one is found.

    ``facts`` is None where even those are hidden. A folder is entered afterwards when ``enter`` is left True.
    """

    name: str
    parent: int
    facts: os.stat_result | None
    enter: bool = True

    @property
    def mode(self) -> int:
        """The kind and the rights; 0 where they are hidden."""
        return self.facts.st_mode if self.facts is not None else 0

    def is_readable(self) -> bool:
        """Whether this process may read it, for which its owner is given the right.

        Not to a file that has a second name, which may be anywhere.
        """
        if self.facts is None:
            return False
        mode = self.facts.st_mode
        is_folder = stat.S_ISDIR(mode)
        rights = _READ_FOLDER if is_folder else _READ_FILE
        own = self.facts.st_uid == os.geteuid()
        if own and mode & rights == rights:
            return True
        if own and (is_folder or self.facts.st_nlink == 1):
            give_right(self.name, self.parent, rights)
        return _opens(self.name, self.parent, is_folder)


@dataclass(slots=True)
class _Level:
    name: str
    which: tuple[int, int]
    prefix: str | None = None
    waiting: list[str] = field(default_factory=list)


class FolderWalk:
    """Goes over everything below ``top``; folders before what is in them. One descriptor does for any depth.

    ``done`` is told the name of each folder, and the descriptor of the one that it is in, when nothing more
    is looked for in it. Raises OSError when ``top`` cannot be opened, or is moved away on the way.
    """

    def __init__(self, top: Path, done: Callable[[str, int], None] = lambda _name, _parent: None) -> None:
        self._top, self._done = top, done
        self._levels: list[_Level] = []

    @property
    def prefix(self) -> str:
        """The way from ``top`` to the folder of what was found last, with a slash at its end, or empty."""
        level = self._levels[-1]
        if level.prefix is None:
            level.prefix = "".join(f"{each.name}/" for each in self._levels[1:])
        return level.prefix

    def __iter__(self) -> Iterator[Found]:
        """Find one after the other."""
        if self._top.lstat().st_uid == os.geteuid():
            give_right(self._top, None, _READ_FOLDER)
        here = os.open(self._top, _FOLDER)
        try:
            self._levels = [_Level("", _which(here))]
            yield from self._look(here)
            while self._levels:
                level = self._levels[-1]
                if level.waiting:
                    name = level.waiting.pop()
                    try:
                        here = _instead(here, name)
                    except OSError:
                        self._done(name, here)
                        continue
                    self._levels.append(_Level(name, _which(here)))
                    yield from self._look(here)
                    continue
                self._levels.pop()
                if self._levels:
                    here = _instead(here, "..")
                    if _which(here) != self._levels[-1].which:
                        raise OSError(f"{self._top} was changed while it was looked at")
                    self._done(level.name, here)
        finally:
            os.close(here)

    def _look(self, here: int) -> Iterator[Found]:
        names: list[str] = []
        with suppress(OSError), os.scandir(here) as entries:
            names = sorted(entry.name for entry in entries)
        waiting = self._levels[-1].waiting
        for name in names:
            found = Found(name, here, _facts(name, here))
            yield found
            if stat.S_ISDIR(found.mode) and found.enter:
                waiting.append(name)
        waiting.reverse()


def give_right(name: str | Path, parent: int | None, rights: int, *, instead_of: int = 0) -> None:
    """Add ``rights`` to a file or folder, and take away those it has ``instead_of`` them, if it can be done;
    never to what a link leads to."""
    with suppress(OSError, NotImplementedError):
        if not hasattr(os, "O_PATH"):
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
            wanted = (stat.S_IMODE(mode) & ~instead_of) | rights
            os.chmod(name, wanted, dir_fd=parent, follow_symlinks=False)
            return
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISLNK(mode):
                wanted = (stat.S_IMODE(mode) & ~instead_of) | rights
                os.chmod(f"/proc/self/fd/{handle}", wanted)  # noqa: PTH101
        finally:
            os.close(handle)


def _opens(name: str, parent: int, is_folder: bool) -> bool:
    flags = _FOLDER if is_folder else os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        os.close(os.open(name, flags, dir_fd=parent))
    except OSError:
        return False
    if is_folder:
        # To read the names is not enough.
        return os.access(name, os.X_OK, dir_fd=parent, effective_ids=os.access in os.supports_effective_ids)
    return True


def _facts(name: str, parent: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return None


def _instead(folder: int, name: str) -> int:
    """The folder ``name`` as it is seen from ``folder``, which is closed."""
    other = os.open(name, _FOLDER, dir_fd=folder)
    os.close(folder)
    return other


def _which(folder: int) -> tuple[int, int]:
    facts = os.fstat(folder)
    return facts.st_dev, facts.st_ino
