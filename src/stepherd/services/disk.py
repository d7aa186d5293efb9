"""Disk errors in words, and files that are written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepherd.errors import CredentialsError, StepherdError, StorageError
from stepherd.services.store.keys import RESERVED

__all__ = [
    "CHUNK",
    "NO_ROOM",
    "disk_error",
    "folder_lock",
    "is_of_disk",
    "locked",
    "new_name",
    "replacement",
    "write_all",
]

CHUNK = 1 << 20
"""How many bytes are moved at a time."""

_CAUSES = {
    errno.ENOSPC: ("the disk is full", "Free some space (df -h, df -i), then run the same command again."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space (quota -s), then run the same "
    "command again."),
    errno.EROFS: ("the file system is read-only", "Choose another folder with --home or STEPHERD_HOME."),
    errno.EMFILE: ("too many files are open", "Raise the limit with ulimit -n, then try again."),
    errno.EAGAIN: ("no more processes or threads can be started", "End some programs, or raise the limit "
    "(ulimit -u), then run the same command again."),
    errno.ELOOP: ("a symbolic link is in the way", "Replace the link with its target."),
    errno.ENOTDIR: ("a part of the path is not a folder", "Rename what is in the way."),
    errno.EISDIR: ("there is a folder with that name", "Choose another name."),
    errno.ENAMETOOLONG: ("a name is too long for this file system", "Use a shorter name."),
    errno.ENOLCK: ("the file system has no locks", "Choose a local disk with --home or STEPHERD_HOME."),
    errno.EIO: ("the disk reports an input/output error", "Check the disk (dmesg) before trying again."),
}  # fmt: skip
_RIGHTS = {errno.EACCES, errno.EPERM}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Error numbers of a disk that takes no more."""


def is_of_disk(error: OSError) -> bool:
    """Whether a person who reads what ``disk_error`` says of it can do something about it."""
    return error.errno in {*_CAUSES, *_RIGHTS}


def disk_error(error: OSError, what: str, path: str | os.PathLike[str]) -> StepherdError:
    """The error of the tree that says what ``error`` means for ``what`` ("Writing") at ``path``."""
    place = os.fspath(path)
    if error.errno in _RIGHTS:
        return CredentialsError(
            f"{what} {place!r} is not permitted.",
            remedy=f"Look at its owner and mode with ls -ld {place!r}.",
        )
    cause, remedy = _CAUSES.get(
        error.errno or 0, (error.strerror or str(error), "Check the disk and the path.")
    )
    return StorageError(f"{what} {place!r} failed: {cause}.", remedy=remedy)


def new_name() -> str:
    """A fresh name for an unfinished file, which no listing shows."""
    return f"{RESERVED}{os.urandom(8).hex()}"


def write_all(file: int, data: bytes) -> None:
    """Write every byte of ``data`` to the descriptor ``file``, however few the system takes at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


@contextmanager
def locked(folder: int) -> Iterator[None]:
    """Hold the lock of an open folder, waiting for it; a holder that dies lets go. Raises OSError."""
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:  # not left to close(): a forked child may hold a copy of the descriptor
        fcntl.flock(folder, fcntl.LOCK_UN)


@contextmanager
def folder_lock(path: Path) -> Iterator[None]:
    """Hold the lock of the folder ``path``. Raises OSError."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with locked(folder):
            yield
    finally:
        os.close(folder)


@contextmanager
def replacement(path: Path) -> Iterator[int]:
    """A descriptor for what will be ``path``: in place when the block ends well, gone when it does not.

    The file is private (0600) and on the disk before it gets its name. Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.parent / new_name()
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            yield file
            os.fsync(file)
        finally:
            os.close(file)
        unfinished.rename(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
