"""Walking inside a store's folder by descriptors, so that no symbolic link can lead out of it.

Every part of a key is opened relative to the folder before it and never through a link, which leaves
no moment between a check and its use (openat(2), O_NOFOLLOW).
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stepherd.errors import StorageError
from stepherd.services.disk import CHUNK, disk_error
from stepherd.services.store.keys import RESERVED, key_fault

__all__ = ["files_below", "open_file", "open_folder", "read_chunks"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LITTER_SECONDS = 86_400  # no writer is busy with one object for a day


def open_folder(root: Path, parts: list[str], *, create: bool = False) -> int:
    """A descriptor of the folder ``parts`` below ``root``; with ``create``, private folders are made.

    Raises FileNotFoundError where there is none, NotADirectoryError where a file is in the way, and
    StorageError where a symbolic link is.
    """
    if create:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(root, _FOLDER)
    for part in parts:
        try:
            inner = _step_into(folder, part, create=create)
        finally:
            os.close(folder)
        folder = inner
    return folder


def _step_into(folder: int, part: str, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=folder)
            os.fsync(folder)
    try:
        return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        _refuse_link(folder, part, error)
        raise


def open_file(folder: int, name: str) -> int:
    """A descriptor for reading the regular file ``name``.

    Raises FileNotFoundError also for folders and devices, and StorageError for a symbolic link.
    """
    try:  # O_NONBLOCK: a pipe of that name must not hold us up
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        _refuse_link(folder, name, error)
        raise
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)
    raise FileNotFoundError(errno.ENOENT, "not a regular file", name)


def _refuse_link(folder: int, name: str, error: OSError) -> None:
    if error.errno not in {errno.ELOOP, errno.ENOTDIR}:
        return
    if stat.S_ISLNK(os.lstat(name, dir_fd=folder).st_mode):
        raise StorageError(
            f"{name!r} in the store is a symbolic link, which is not followed.",
            remedy="Replace the link with the file or folder that it points to.",
        ) from error


def read_chunks(file: int, what: str | os.PathLike[str]) -> Iterator[bytes]:
    """The content behind the descriptor ``file``, which is closed at the end; ``what`` names it in errors."""
    try:
        while chunk := os.read(file, CHUNK):
            yield chunk
    except OSError as error:
        raise disk_error(error, "Reading", what) from error
    finally:
        os.close(file)


def files_below(folder: int, base: str, start: str = "") -> Iterator[tuple[int, str, str]]:
    """(folder, name, key) of every regular file whose key starts with ``base + start``, sorted by key.

    ``base`` is the key of ``folder`` with a slash at its end, or empty. Takes over ``folder``.
    """
    try:
        for sorted_name in sorted(_names(folder)):
            name = sorted_name.rstrip("/")
            if not name.startswith(start):
                continue
            if fault := key_fault(base + name):
                raise StorageError(
                    f"The store contains {base + name!r}, which {fault}.", remedy="Rename that file."
                )
            if sorted_name == name:
                yield folder, name, base + name
            else:
                with suppress(FileNotFoundError):
                    yield from files_below(_step_into(folder, name, create=False), f"{base}{name}/")
    finally:
        os.close(folder)


def _names(folder: int) -> Iterator[str]:
    """Names of files and, with a slash so that keys sort as on S3 ('a-b' before 'a/b'), of folders."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(RESERVED):
                _sweep(folder, entry.name)
            elif entry.is_dir(follow_symlinks=False):
                yield f"{entry.name}/"
            elif entry.is_file(follow_symlinks=False):
                yield entry.name


def _sweep(folder: int, name: str) -> None:
    """Remove what a writer that was killed left unfinished long ago."""
    with suppress(OSError):
        if time.time() - os.lstat(name, dir_fd=folder).st_mtime > _LITTER_SECONDS:
            os.unlink(name, dir_fd=folder)
