"""A workspace as a ``tar.zst`` archive: written here, and read back by ``unpack``.

Level 3 of zstd with one thread per core: on a 200 MB tree of text and binaries level 1 is no faster (reading
the files is what takes the time) and its archive a fifth larger, which the next step has to download.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.errors import DataError, NotFoundError, StorageError
from stepherd.repositories.tar_header import BLOCK, Entry, encode_header, padding
from stepherd.repositories.unpack import UnpackLimits, unpack

if TYPE_CHECKING:
    from zstandard import ZstdCompressionWriter

__all__ = ["PackFacts", "UnpackLimits", "pack", "unpack"]

_LEVEL: Final = 3
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class PackFacts:
    """The size of a new archive: entries, bytes of files; and paths left out (sockets, devices, pipes)."""

    entries: int
    bytes: int
    left_out: tuple[str, ...]


def pack(folder: Path, archive: Path) -> PackFacts:
    """Write everything in ``folder`` to ``archive``, which appears only when it is whole.

    Links are stored as links, also when they lead outside. Modes keep their permission bits, owners are
    forgotten, times are in whole seconds. Raises NotFoundError when there is no folder, DataError when a
    file changes while it is read, StorageError when the disk refuses.
    """
    # Only now: it takes its time to load, and most that import this pack nothing.
    import zstandard

    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder} to pack.")
    partial = archive.with_name(archive.name + ".partial")
    try:
        with partial.open("wb") as file:
            compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=-1, write_checksum=True)
            with compressor.stream_writer(file, closefd=False) as out:
                facts = _write_entries(folder, out)
        partial.replace(archive)
    except OSError as error:
        raise StorageError(
            f"Packing {folder} failed: {error.strerror}: {error.filename or partial}.",
            remedy="Check that the files can be read, and that the disk has room.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return facts


def _write_entries(folder: Path, out: ZstdCompressionWriter) -> PackFacts:
    root = os.fsencode(folder)
    entries, total = 0, 0
    left_out: list[str] = []
    pending = _Pending(out.write)
    for path, facts in _walk(root):
        name = path[len(root) + 1 :]
        entry = _entry(path, name, facts)
        if entry is None:
            left_out.append(os.fsdecode(name))
            continue
        pending.add(encode_header(entry))
        if entry.kind == "file":
            _write_file(path, entry.size, pending)
            total += entry.size
        entries += 1
    pending.add(bytes(2 * BLOCK))
    pending.flush()
    return PackFacts(entries, total, tuple(left_out))


def _walk(root: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """Every path below ``root`` with its own facts, folders before what is in them, in the order of names."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as found:
            items = sorted(found, key=lambda item: item.name)
        below: list[bytes] = []
        for item in items:
            facts = item.stat(follow_symlinks=False)
            yield item.path, facts
            if stat.S_ISDIR(facts.st_mode):
                below.append(item.path)
        waiting += reversed(below)


def _entry(path: bytes, name: bytes, facts: os.stat_result) -> Entry | None:
    mode, mtime = facts.st_mode & 0o777, int(facts.st_mtime)
    if stat.S_ISREG(facts.st_mode):
        return Entry("file", name, mode, facts.st_size, mtime)
    if stat.S_ISDIR(facts.st_mode):
        return Entry("folder", name + b"/", mode, 0, mtime)
    if stat.S_ISLNK(facts.st_mode):
        return Entry("link", name, 0o777, 0, mtime, os.readlink(path))  # noqa: PTH115 - bytes
    return None


def _write_file(path: bytes, size: int, pending: _Pending) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        left = size
        while left:
            chunk = os.read(handle, min(left, _CHUNK))
            if not chunk:
                raise DataError(f"The file {os.fsdecode(path)} became shorter while it was packed.")
            pending.add(chunk)
            left -= len(chunk)
    finally:
        os.close(handle)
    if fill := padding(size):
        pending.add(bytes(fill))


class _Pending:
    """Gathers small pieces, so that the compressor is called once per megabyte and not once per file."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _CHUNK:
            self.flush()

    def flush(self) -> None:
        self._write(b"".join(self._pieces))
        self._pieces.clear()
        self._size = 0
