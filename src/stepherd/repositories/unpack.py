"""A ``tar.zst`` archive back to a folder, trusting nothing in it (fault 84).

The destination is new, files are created with O_EXCL, and symbolic links are made after everything else, so
no entry can be written through a link; then every link is followed and must end inside.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepherd.errors import CannotCreateError, DataError, NotFoundError, StorageError
from stepherd.repositories.tar_header import BLOCK, Entry, decode_header, padding, read_pax
from stepherd.services.removal import remove_tree
from stepherd.text.plain import one_paragraph

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionReader

__all__ = ["UnpackLimits", "unpack"]

_CHUNK: Final = 1 << 20
_LARGEST_WINDOW: Final = 1 << 27  # bytes of memory that a frame may ask for
_LONGEST_NAME: Final = 4096
_LARGEST_HEADER: Final = 1 << 16
_MOST_DIGITS: Final = 20
_LATEST: Final = 1 << 40  # seconds: times beyond it are no file system's
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How far an archive is believed.

    ``entries`` and ``total_bytes`` bound what is written. Beyond ``ratio_from`` bytes, the archive may not
    unpack to more than ``ratio`` times its own size (text seldom passes 30). ``outside_links`` keeps links
    that lead outside, which some repositories have: it is for a workspace that an agent gets anyway.
    """

    entries: int = 1_000_000
    total_bytes: int = 50 << 30
    ratio: int = 200
    ratio_from: int = 64 << 20
    outside_links: bool = False


def unpack(
    archive: Path,
    folder: Path,
    limits: UnpackLimits | None = None,
    *,
    only: Callable[[bytes], bool] = lambda _name: True,
) -> None:
    """Unpack ``archive`` into ``folder``, which must be absent or empty and appears only when it is whole.

    ``only`` says by its name whether an entry is wanted; of the others nothing is made. Raises DataError
    naming the entry for anything that ``pack`` would not write: '..', absolute names, hard links, devices,
    duplicates, links outwards, more than ``limits``; NotFoundError without an archive.
    """
    if folder.exists() and any(folder.iterdir()):
        raise CannotCreateError(f"The folder {folder} is not empty.", remedy="Give a fresh folder.")
    partial = folder.with_name(folder.name + ".partial")
    remove_tree(partial)
    try:
        partial.mkdir(parents=True)
        _unpack_into(archive, partial, limits or UnpackLimits(), only)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except FileNotFoundError:
        if archive.exists():
            raise
        raise NotFoundError(f"There is no archive {archive}.") from None
    except OSError as error:
        raise StorageError(
            f"Unpacking {archive.name} to {folder} failed: {error.strerror}.",
            remedy="Free some space, or point STEPHERD_HOME at another disk.",
        ) from error
    finally:
        remove_tree(partial)


def _unpack_into(archive: Path, root: Path, limits: UnpackLimits, only: Callable[[bytes], bool]) -> None:
    # Only now: it takes its time to load, and most that import this pack nothing.
    import zstandard

    with archive.open("rb") as file:
        reader = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).stream_reader(
            file, read_size=_CHUNK, closefd=False
        )
        source = _Source(reader, _Gauge(os.fstat(file.fileno()).st_size, limits))
        writer = _Writer(os.fsencode(root), limits)
        try:
            for entry in _entries(source, limits):
                if only(entry.name):
                    writer.write(entry, source)
                else:
                    for _ in source.pieces(entry.size + padding(entry.size)):
                        pass
            source.end()
        except zstandard.ZstdError as error:
            raise DataError(f"The archive {archive.name} is damaged: {error}.") from None
        writer.finish()


@dataclass(slots=True)
class _Gauge:
    """Counts what comes out of the archive, and refuses a bomb before its next megabyte is kept."""

    packed: int
    limits: UnpackLimits
    out: int = 0

    def add(self, size: int) -> None:
        self.out += size
        if self.out > self.limits.total_bytes + self.limits.entries * 2048 + _CHUNK:
            raise DataError(f"The archive unpacks to more than {self.limits.total_bytes} bytes.")
        if self.out > self.limits.ratio_from and self.out > self.packed * self.limits.ratio:
            raise DataError(f"The archive unpacks to more than {self.limits.ratio} times its size.")


class _Source:
    """The unpacked stream, read in exact pieces."""

    def __init__(self, reader: ZstdDecompressionReader, gauge: _Gauge) -> None:
        self._reader = reader
        self._gauge = gauge
        self._chunk = memoryview(b"")

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes, for headers and small bodies."""
        if size <= len(self._chunk):
            piece, self._chunk = bytes(self._chunk[:size]), self._chunk[size:]
            return piece
        return b"".join(self.pieces(size))

    def pieces(self, size: int) -> Iterator[memoryview]:
        """``size`` bytes in pieces that need no copy."""
        while size:
            if not self._chunk and not self._refill():
                raise DataError("The archive ends too early.")
            piece, self._chunk = self._chunk[:size], self._chunk[size:]
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes."""
        if size <= len(self._chunk):
            self._chunk = self._chunk[size:]
        else:
            self.take(size)

    def end(self) -> None:
        """Read what is left: zeros, and the frame's checksum."""
        while True:
            if any(self._chunk):
                raise DataError("The archive has data after its end.")
            if not self._refill():
                return

    def _refill(self) -> bool:
        chunk = self._reader.read(_CHUNK)
        self._gauge.add(len(chunk))
        self._chunk = memoryview(chunk)
        return bool(chunk)


def _entries(source: _Source, limits: UnpackLimits) -> Iterator[Entry]:
    """Entries with their long names and pax records applied. The caller reads a body before the next."""
    changes: dict[str, bytes | int] = {}
    for _ in range(limits.entries * 3 + 1):
        entry = decode_header(source.take(BLOCK))
        if entry is None:
            return
        if entry.kind in {"long name", "long target", "pax", "pax for all"}:
            changes |= _extension(entry, source)
            continue
        if changes:
            entry = _changed(entry, changes)
            changes = {}
        yield entry
    raise DataError(f"The archive has more than {limits.entries} entries.")


def _extension(entry: Entry, source: _Source) -> dict[str, bytes | int]:
    if entry.size > _LARGEST_HEADER:
        raise DataError("The archive has a header that is too large.")
    body = source.take(entry.size)
    source.take(padding(entry.size))
    if entry.kind in {"long name", "long target"}:
        return {"name" if entry.kind == "long name" else "target": body.rstrip(b"\0")}
    if entry.kind == "pax for all":
        return {}
    records = read_pax(body)
    changes: dict[str, bytes | int] = {}
    if b"path" in records:
        changes["name"] = records[b"path"]
    if b"linkpath" in records:
        changes["target"] = records[b"linkpath"]
    if b"size" in records:
        if not records[b"size"].isdigit() or len(records[b"size"]) > _MOST_DIGITS:
            raise DataError("The archive has an extended header that cannot be read.")
        changes["size"] = int(records[b"size"])
    return changes


def _changed(entry: Entry, changes: dict[str, bytes | int]) -> Entry:
    name, target, size = changes.get("name"), changes.get("target"), changes.get("size")
    return replace(
        entry,
        name=name if isinstance(name, bytes) else entry.name,
        target=target if isinstance(target, bytes) else entry.target,
        size=size if isinstance(size, int) else entry.size,
    )


class _Writer:
    """Writes entries below one root. Links wait until the end."""

    def __init__(self, root: bytes, limits: UnpackLimits) -> None:
        self._root = root
        self._limits = limits
        self._folders: set[bytes] = {b""}
        self._modes: dict[bytes, int] = {}
        self._links: list[Entry] = []
        self._count = 0
        self._total = 0

    def write(self, entry: Entry, source: _Source) -> None:
        self._count += 1
        if self._count > self._limits.entries:
            raise DataError(f"The archive has more than {self._limits.entries} entries.")
        name = _checked_name(entry)
        if entry.kind == "file":
            self._write_file(replace(entry, name=name) if name != entry.name else entry, source)
        elif entry.kind == "folder":
            self._make_folder(name)
            self._modes[name] = entry.mode | 0o700
        elif entry.kind == "link":
            self._links.append(replace(entry, name=name))
        else:
            raise _refused(entry.name, "it is a hard link, a device or a pipe")
        if entry.kind != "file" and entry.size:
            raise _refused(entry.name, "only a file may have content")

    def finish(self) -> None:
        """Make the links, see where they lead, and set the folders' modes."""
        for entry in self._links:
            self._make_folder(entry.name.rpartition(b"/")[0])
            try:
                os.symlink(entry.target, self._at(entry.name))  # noqa: PTH211 - bytes
            except FileExistsError:
                raise _refused(entry.name, "it is there twice") from None
            except (ValueError, FileNotFoundError):
                raise _refused(entry.name, "its target is not valid") from None
        if not self._limits.outside_links:
            self._check_links()
        for name, mode in sorted(self._modes.items(), reverse=True):
            if name:
                os.chmod(self._at(name), mode)  # noqa: PTH101 - bytes

    def _check_links(self) -> None:
        inside = os.path.realpath(self._root) + b"/"
        for entry in self._links:
            end = os.path.realpath(self._at(entry.name))
            if entry.target.startswith(b"/") or not (end + b"/").startswith(inside):
                raise _refused(entry.name, "it is a link that leads outside")

    def _write_file(self, entry: Entry, source: _Source) -> None:
        self._total += entry.size
        if self._total > self._limits.total_bytes:
            raise DataError(f"The archive unpacks to more than {self._limits.total_bytes} bytes.")
        parent = entry.name.rpartition(b"/")[0]
        if parent not in self._folders:
            self._make_folder(parent)
        try:
            handle = os.open(self._at(entry.name), _NEW, 0o600)
        except (FileExistsError, IsADirectoryError):
            raise _refused(entry.name, "it is there twice") from None
        try:
            for piece in source.pieces(entry.size):
                written = os.write(handle, piece)
                while written < len(piece):
                    written += os.write(handle, piece[written:])
            os.fchmod(handle, (entry.mode & 0o777) | 0o600)
            moment = min(entry.mtime, _LATEST)
            os.utime(handle, (moment, moment))
        finally:
            os.close(handle)
        source.skip(padding(entry.size))

    def _make_folder(self, name: bytes) -> None:
        missing: list[bytes] = []
        while name not in self._folders:  # No recursion: a path may be deeper than Python's stack.
            missing.append(name)
            name = name.rpartition(b"/")[0]
        for each in reversed(missing):
            try:
                os.mkdir(self._at(each), 0o700)  # noqa: PTH102 - bytes
            except FileExistsError:
                raise _refused(each, "it is a folder and something else") from None
            self._folders.add(each)
            self._modes.setdefault(each, 0o755)

    def _at(self, name: bytes) -> bytes:
        return self._root + b"/" + name if name else self._root


def _checked_name(entry: Entry) -> bytes:
    name = entry.name.removeprefix(b"./")
    if entry.kind == "folder":
        name = name.rstrip(b"/") if name != b"/" else name
        if name in {b"", b"."} and entry.name in {b".", b"./"}:
            return b""
    if len(name) > _LONGEST_NAME or b"\0" in name:
        raise _refused(entry.name, "its name is not acceptable")
    if name.startswith(b"/"):
        raise _refused(entry.name, "its name is absolute")
    if any(part in {b"", b".", b".."} or len(part) > 255 for part in name.split(b"/")):
        raise _refused(entry.name, "its name contains '..', '.' or an empty or overlong part")
    return name


def _refused(name: bytes, reason: str) -> DataError:
    shown = one_paragraph(name.decode("utf-8", "replace"), 120)
    return DataError(
        f"The archive's entry '{shown}' is refused: {reason}.",
        remedy="The archive was not written by Stepherd, or the repository contains something that "
        "cannot be passed on.",
    )
