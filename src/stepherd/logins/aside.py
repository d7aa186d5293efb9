"""Moving a login database that cannot be used out of the way, with the journals that belong to it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

from stepherd.errors import UsageError
from stepherd.logins.kinds import DATABASE_NAME
from stepherd.logins.snapshots import MAGIC
from stepherd.services.disk import disk_error

__all__ = ["check_no_other_file", "check_place", "clear_journals", "move_aside", "other_file"]

_JOURNALS: Final = ("-journal", "-wal", "-shm")


def move_aside(path: Path) -> None:
    """Give what is at ``path``, and the journals beside it, names with ``.damaged`` in them.

    All of them become private, for they hold tokens. An earlier file of that name is replaced, a folder is
    not. Raises StorageError, CredentialsError.
    """
    _move(path, ("", *_JOURNALS))


def clear_journals(path: Path) -> None:
    """Move aside what somebody who removed a database has left of it.

    SQLite would take it for a journal of the next database there, and play it back. Raises as ``move_aside``.
    """
    if not _mode(path):
        _move(path, _JOURNALS)


def _move(path: Path, ends: tuple[str, ...]) -> None:
    try:
        there = [end for end in ends if _mode(_beside(path, end))]
        name = next(name for name in _names(path.name) if all(_is_free(path, name, end) for end in there))
        for end in there:
            source = _beside(path, end)
            if stat.S_ISREG(_mode(source)):
                source.chmod(0o600)
            source.rename(_beside(path.with_name(name), end))
    except OSError as error:
        raise disk_error(error, "Moving aside", path) from error


def check_place(path: Path) -> None:
    """Refuse what a login database must not take the place of. Raises UsageError."""
    mode = _mode(path)
    if mode and not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
        raise UsageError(
            f"{str(path)!r} is no file, but a device, a pipe or a socket.",
            remedy="Keep the login in a file: --database PATH.",
        )


def check_no_other_file(name: str, begin: bytes, place: str) -> None:
    """Refuse a file that is damaged as a login database because it is something else: the path was mistyped.

    ``begin`` is its beginning. One with the name that the CLIs give makes way all the same. Raises
    UsageError.
    """
    if begin and name != DATABASE_NAME and not begin.startswith(MAGIC):
        raise other_file(place)


def other_file(place: str) -> UsageError:
    """The error for what must not make way for a login."""
    return UsageError(
        f"{place!r} is no login database, but another file. It is unchanged.",
        remedy="Name a login database with --database, or a path at which there is nothing.",
    )


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _names(name: str) -> Iterator[str]:
    yield f"{name}.damaged"
    yield from (f"{name}.damaged.{number}" for number in count(2))


def _is_free(path: Path, name: str, end: str) -> bool:
    """Whether what is moved can have the name: a folder neither gives way nor takes the place of a file."""
    target, source = _mode(_beside(path.with_name(name), end)), _mode(_beside(path, end))
    return not target or not (stat.S_ISDIR(target) or stat.S_ISDIR(source))


def _mode(path: Path) -> int:
    """Of what has that name itself; 0 when nothing has."""
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
