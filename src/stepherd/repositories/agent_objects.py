"""The objects of a repository that an agent owned, brought into one of ours as data.

Git never runs there. A pack is given to ``git index-pack`` of our repository, which names every object by
its content; a loose object is inflated, and taken when its content has the id that its name says. So nothing
that comes in can pretend to be another object. Whether an object is sound is judged later, for those that are
kept.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final

from stepherd.errors import StepherdError
from stepherd.repositories.git import Git, TooSlow
from stepherd.repositories.untrusted import UntrustedFolder

__all__ = ["ImportLimits", "bring_in"]

_PACK: Final = re.compile(r"pack-[0-9a-zA-Z-]{1,100}\.pack")
_HEX: Final = frozenset("0123456789abcdef")
_PIECE: Final = 1 << 18
_HEADER: Final = re.compile(rb"(blob|tree|commit|tag) (0|[1-9][0-9]{0,15})\0")
_LONGEST_HEADER: Final = 32
_NO_MEMORY: Final = re.compile(rb"out of memory", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """How much of an agent's repository is read: bytes on the disk, bytes inflated, files, seconds."""

    packed_bytes: int = 2 << 30
    inflated_bytes: int = 8 << 30
    packs: int = 1000
    loose: int = 200_000
    salvaged_bytes: int = 64 << 20
    """Up to which size a damaged pack is searched for objects that are whole."""
    seconds: float = 300.0


@dataclass(slots=True)
class _Import:
    git: Git
    before: Path
    """The objects that were there before the agent: the same file again is no news."""
    id_length: int
    limits: ImportLimits
    notes: list[str]
    ends: float = field(init=False)
    packed: int = 0
    inflated: int = 0
    damaged: int = 0
    late: bool = False

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.limits.seconds

    def is_late(self) -> bool:
        self.late = self.late or time.monotonic() > self.ends
        return self.late

    def is_full(self) -> bool:
        return self.inflated > self.limits.inflated_bytes or self.packed > self.limits.packed_bytes


def bring_in(
    objects: UntrustedFolder, git: Git, before: Path, id_length: int, limits: ImportLimits
) -> list[str]:
    """Bring what ``objects`` has more than ``before`` into the empty repository of ``git``.

    ``id_length`` is that of an object id in hexadecimal. Returns what could not be read, in words. Raises
    OSError when the folder itself cannot be read, or our own cannot be written.
    """
    work = _Import(git, before, id_length, limits, [])
    _packs(objects, work)
    _loose(objects, work)
    if work.damaged:
        work.notes.append(f"{_count(work.damaged, 'object')} of the agent's repository could not be read.")
    if work.late:
        work.notes.append(
            f"Reading the agent's repository was stopped after {limits.seconds:g} s: commits may be missing."
        )
    return work.notes


def _packs(objects: UntrustedFolder, work: _Import) -> None:
    try:
        with objects.folder("pack") as folder:
            names, whole = folder.names(10 * work.limits.packs)
            packs = [name for name in names if _PACK.fullmatch(name)]
            if not whole or len(packs) > work.limits.packs:
                work.notes.append(
                    f"The agent's repository has more than {work.limits.packs} packs: not all were read."
                )
            for name in packs[: work.limits.packs]:
                if work.is_late():
                    return
                _pack(folder, name, work)
    except FileNotFoundError:
        return
    except OSError as error:
        work.notes.append(f"The packs of the agent's repository cannot be read ({_reason(error)}).")


def _pack(folder: UntrustedFolder, name: str, work: _Import) -> None:
    try:
        file = folder.open(name)
    except OSError as error:
        work.notes.append(f"{name} of the agent's repository cannot be read ({_reason(error)}).")
        return
    with file:
        size = os.fstat(file.fileno()).st_size
        if _size(work.before / "pack" / name) == size:
            return
        if work.packed + size > work.limits.packed_bytes:
            most = work.limits.packed_bytes / 1e6
            work.notes.append(
                f"The pack {name} of the agent's repository was not read: {size / 1e6:.0f} MB, and "
                f"{most:.0f} MB are the most in all."
            )
            return
        work.packed += size
        if (reason := _index(file, size, work)) is not None:
            work.notes.append(f"The pack {name} of the agent's repository {reason}: not all could be read.")


def _index(file: IO[bytes], size: int, work: _Import) -> str | None:
    """None when the pack was whole, else why not; of such a one, what can be had is taken."""
    limit = f"--max-input-size={size}"
    limits = replace(work.git.limits, local_seconds=max(1.0, work.ends - time.monotonic()))
    git = replace(work.git, limits=limits)
    try:
        done = git.attempt("Reading a pack", "index-pack", "--stdin", "--threads=1", limit, stdin=file)
        if done.code != 0 and size <= work.limits.salvaged_bytes:
            file.seek(0)
            git.attempt("Reading a damaged pack", "unpack-objects", "-q", "-r", limit, stdin=file)
    except TooSlow:
        return "takes too long to read"
    except StepherdError:
        return "is damaged"
    if done.code == 0:
        return None
    if _NO_MEMORY.search(done.err):
        return f"takes more than {limits.memory >> 20} MiB of memory to read"
    return "is damaged"


def _loose(objects: UntrustedFolder, work: _Import) -> None:
    seen = 0
    for number in range(256):
        prefix = f"{number:02x}"
        try:
            with objects.folder(prefix) as folder:
                names, whole = folder.names(work.limits.loose - seen)
                seen += len(names)
                for name in names:
                    if not work.is_late():
                        _one_loose(folder, prefix, name, work)
        except FileNotFoundError:
            continue
        except OSError as error:
            work.notes.append(
                f"Objects of the agent's repository ({prefix}) could not be read ({_reason(error)})."
            )
            continue
        if not whole:
            work.notes.append(
                f"The agent's repository has more than {work.limits.loose} loose objects: not all were read."
            )
            return


def _one_loose(folder: UntrustedFolder, prefix: str, name: str, work: _Import) -> None:
    if (
        len(name) != work.id_length - 2
        or not _HEX.issuperset(name)
        or _size(work.before / prefix / name) is not None
    ):
        return
    target = work.git.git_dir / "objects" / prefix / name
    if target.exists():
        return
    target.parent.mkdir(exist_ok=True)
    partial = target.with_name(f"tmp_{name}")
    try:
        with folder.open(name) as file, partial.open("wb") as copy:
            good = _copy_checked(file, copy, prefix + name, work)
    except zlib.error:
        good = False
    except OSError as error:
        if partial.exists() and error.filename == str(partial):
            raise
        good = False
    if good:
        partial.rename(target)
    else:
        partial.unlink(missing_ok=True)
        work.damaged += 1


def _copy_checked(file: IO[bytes], copy: IO[bytes], object_id: str, work: _Import) -> bool:
    """Copy a loose object as it is, and find out by its content whether it is the object of that id."""
    stream = zlib.decompressobj()
    digest = hashlib.sha256() if work.id_length == 64 else hashlib.sha1(usedforsecurity=False)
    size: int | None = None
    passed = 0
    while not stream.eof:
        data = stream.unconsumed_tail
        if not data:
            data = file.read(_PIECE)
            work.packed += len(data)
            copy.write(data)
        piece = stream.decompress(data, _PIECE)
        if not data and not piece:
            return False
        if size is None:
            header = _HEADER.match(piece[:_LONGEST_HEADER])
            if header is None:
                return False
            size = int(header[2]) + header.end()
        passed += len(piece)
        work.inflated += len(piece)
        if passed > size or work.is_full():
            return False
        digest.update(piece)
    return passed == size and not stream.unused_data and digest.hexdigest() == object_id


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except OSError:
        return None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
