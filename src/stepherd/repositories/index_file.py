"""The index of a repository that another owns, read as data (gitformat-index): git itself would also read its
configuration, and follow what it names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

__all__ = ["GITLINK", "may_name_submodules", "staged_gitlinks"]

GITLINK: Final = 0o160000
"""The mode of an entry that names a commit of another repository."""
_LARGEST: Final = 512 << 20  # bytes; a million files take about 100 MB
_HEADER: Final = 12
_STAT: Final = 40  # bytes of what stat said, of which the mode is the seventh word
_EXTENDED, _NAME_LENGTH = 0x4000, 0x0FFF
_STAGE: Final = 0x3000


def may_name_submodules(git_dir: Path) -> bool:
    """Whether any submodule can be in the index of ``git_dir``, by a look at its bytes alone, which takes no
    time. False when there is no index."""
    data = _read(git_dir)
    return data is not None and GITLINK.to_bytes(4, "big") in data


def staged_gitlinks(git_dir: Path, *, id_bytes: int) -> Mapping[str, str] | None:
    """The submodules in the index of ``git_dir``: path and commit id. ``id_bytes`` is 20 or 32.

    None when there is no such index, or it cannot be read here: damaged, of another version, split
    over two files, sparse, or in a folder that is a link.
    """
    data = _read(git_dir)
    if data is None or len(data) < _HEADER or data[:4] != b"DIRC":
        return None
    version, count = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    if version not in {2, 3, 4}:
        return None
    try:
        reader = _Reader(data, version, id_bytes)
        found = {os.fsdecode(path): commit for path, commit in reader.gitlinks(count) if _is_plain(path)}
        return None if reader.is_partial() else found
    except (IndexError, ValueError):
        return None


def _is_plain(path: bytes) -> bool:
    """Whether git itself would take ``path`` into an index: relative, and in no way leading out."""
    parts = path.split(b"/")
    return b"\0" not in path and not any(part.lower() in {b"", b".", b"..", b".git"} for part in parts)


def _read(git_dir: Path) -> bytes | None:
    """The file's content, if neither it nor its folder is a link."""
    try:
        folder = os.open(git_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            # Not to wait for the other end of a pipe.
            handle = os.open("index", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(handle)
            return file.read() if stat.S_ISREG(facts.st_mode) and facts.st_size <= _LARGEST else None
    except OSError:
        return None


class _Reader:
    """Goes through the entries; IndexError or ValueError where the file is not as it should be."""

    def __init__(self, data: bytes, version: int, id_bytes: int) -> None:
        self._data, self._version, self._id_bytes = data, version, id_bytes
        self._at = _HEADER
        self._path = b""

    def gitlinks(self, count: int) -> Iterator[tuple[bytes, str]]:
        for _ in range(count):
            mode, commit, stage = self._entry()
            if mode == GITLINK and not stage:
                yield self._path, commit

    def is_partial(self) -> bool:
        """Whether an extension says that entries are elsewhere: a shared index, or folders as one entry."""
        data, at, end = self._data, self._at, len(self._data) - self._id_bytes
        while at + 8 <= end:
            if data[at : at + 4] in {b"link", b"sdir"}:
                return True
            at += 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        return False

    def _entry(self) -> tuple[int, str, int]:
        data, start = self._data, self._at
        fixed = start + _STAT + self._id_bytes
        mode = int.from_bytes(data[start + 24 : start + 28], "big")
        flags = (data[fixed] << 8) | data[fixed + 1]
        name = fixed + (4 if flags & _EXTENDED else 2)
        if self._version == 4:
            kept, name = self._offset(name)
            end = data.index(b"\0", name)
            self._path = self._path[: len(self._path) - kept] + data[name:end]
            self._at = end + 1
        else:
            length = flags & _NAME_LENGTH
            end = name + length if length < _NAME_LENGTH else data.index(b"\0", name)
            self._path = data[name:end]
            # One to eight zeros, so that the entry's length is a multiple of eight.
            self._at = start + ((end - start) // 8 + 1) * 8
        if self._at > len(data):
            raise ValueError("the file ends within an entry")
        return mode, data[start + _STAT : fixed].hex(), flags & _STAGE

    def _offset(self, at: int) -> tuple[int, int]:
        """How much of the last path is dropped: a number of seven bits a byte, as in packs (offset delta)."""
        byte = self._data[at]
        value = byte & 0x7F
        while byte & 0x80:
            at += 1
            byte = self._data[at]
            value = ((value + 1) << 7) | (byte & 0x7F)
        if value > len(self._path):
            raise ValueError("more of a path is dropped than it has")
        return value, at + 1
