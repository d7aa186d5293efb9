"""Files that a filter would change on their way into git. No filter ever runs, so what it would do is done
here, or the file stays out.

Git LFS is known: of a file's content goes a pointer, and the content travels beside it to the push. Another
filter may encrypt, so that what an agent wrote must not be pushed as it is.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final

from stepherd.repositories.attributes import ATTRIBUTES, LFS, encrypts, filters_by, filters_in
from stepherd.repositories.git import Git
from stepherd.repositories.large_files import blob_sizes
from stepherd.repositories.lfs_pointer import LARGEST_POINTER, Pointer, read_pointer
from stepherd.repositories.raw_changes import RawChange, read_blobs

__all__ = [
    "LARGEST_CONTENT",
    "LARGEST_CONTENTS",
    "Content",
    "Filtered",
    "Misfit",
    "open_inside",
    "plan_filtered",
    "pointers_of",
    "split_filtered",
    "unfiltered",
]

LARGEST_CONTENT: Final = 2 << 30
"""Bytes of one file in Git LFS that is taken along."""
LARGEST_CONTENTS: Final = 16 << 30
"""Of all of them: each is read whole, and a file of any size needs no room on the disk."""
_FILES: Final = frozenset({"100644", "100755"})
_CHUNK: Final = 1 << 20
_LARGEST_LIST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """The content behind a new pointer, by its path in the workspace."""

    pointer: Pointer
    path: str


@dataclass(frozen=True, slots=True)
class Filtered:
    """Index entries for files in Git LFS: mode and blob by path. ``contents`` are new."""

    entries: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    contents: tuple[Content, ...] = ()
    known: frozenset[str] = frozenset()
    """The digests that the base's pointers name."""

    def enter(self, git: Git) -> None:
        """Put them into the index, in which nothing that git finds in the files changes them."""
        lines = (f"{mode} {blob}\t{path}" for path, (mode, blob) in self.entries.items())
        _update(git, lines, "--replace", "--index-info")
        _update(git, self.entries, "--assume-unchanged", "--stdin")


def _update(git: Git, lines: Iterable[str], *options: str) -> None:
    listing = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
    if listing:
        git.run("Entering the files of Git LFS", "update-index", "-z", *options, stdin=listing)


def plan_filtered(git: Git, workspace: Path, tracked: Mapping[str, str], others: Collection[str]) -> Filtered:
    """Look at the files that belong into Git LFS by the .gitattributes of ``workspace``.

    ``tracked`` are the files of the base and their blobs, ``others`` the new ones. A file whose content is
    the one that the base's pointer names is unchanged, and so is one that is as the base holds it.
    """
    lists = {path: blob for path in (*tracked, *others) if (blob := _attributes_at(git, workspace, path))}
    if not lists:
        return Filtered()
    filters = filters_by(git, lists, [*tracked, *others])
    in_lfs = [path for path, name in filters.items() if name == LFS]
    before = _pointers(git, {path: tracked[path] for path in in_lfs if path in tracked})
    entries: dict[str, tuple[str, str]] = {}
    contents: list[Content] = []
    left = LARGEST_CONTENTS
    for path in in_lfs:
        found = _look(workspace, path, tracked.get(path), min(left, LARGEST_CONTENT))
        if found is None:
            continue
        mode, pointer = found
        left -= pointer.size
        blob = tracked[path] if before.get(path) == pointer else None
        if blob is None:
            words = ("hash-object", "-w", "--no-filters", "--stdin")
            blob = git.run("Writing a pointer", *words, stdin=str(pointer).encode())
            contents.append(Content(pointer, path))
        entries[path] = (mode, blob)
    known = frozenset(pointer.oid for pointer in before.values())
    return Filtered(entries, tuple(contents), known)


def _attributes_at(git: Git, workspace: Path, path: str) -> str | None:
    """The blob of a .gitattributes as it is in the workspace; None when it is no file or gone."""
    if path.rpartition("/")[2] != ATTRIBUTES:
        return None
    file = open_inside(workspace, path)
    if file is None:
        return None
    with file:
        data = file.read(_LARGEST_LIST + 1)
    if len(data) > _LARGEST_LIST:
        return None
    words = ("hash-object", "-w", "--no-filters", "--stdin")
    return git.run("Reading attributes", *words, stdin=data) if data else None


def _look(workspace: Path, path: str, blob: str | None, most: int) -> tuple[str, Pointer] | None:
    """Mode and pointer of a file; None where git may take it as it is: because it is a pointer, empty,
    larger than ``most`` bytes, no file, or the ``blob`` of the base."""
    file = open_inside(workspace, path)
    if file is None:
        return None
    with file:
        facts = os.fstat(file.fileno())
        if not 0 < facts.st_size <= most:
            return None
        data = file.read(_CHUNK)
        if len(data) < LARGEST_POINTER and read_pointer(data.decode("utf-8", "replace")) is not None:
            return None
        stored = hashlib.new("sha256" if blob and len(blob) == 64 else "sha1", b"blob %d\0" % facts.st_size)
        digest, size = hashlib.sha256(), 0
        while data:
            if blob is not None:
                stored.update(data)
            digest.update(data)
            size += len(data)
            data = file.read(_CHUNK)
    if stored.hexdigest() == blob:
        return None
    return ("100755" if facts.st_mode & 0o100 else "100644"), Pointer(digest.hexdigest(), size)


def open_inside(folder: Path, path: str) -> IO[bytes] | None:
    """The plain file at ``path`` below ``folder``, for which no link is followed; None when there is none."""
    *above, name = path.split("/")
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in above:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
    except OSError:
        return None
    finally:
        os.close(handle)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        return None
    return os.fdopen(found, "rb")


def _pointers(git: Git, blobs: Mapping[str, str]) -> dict[str, Pointer]:
    """Those of the blobs that are pointers, by their paths."""
    sizes = blob_sizes(git, blobs.values())
    small = [path for path, blob in blobs.items() if sizes.get(blob, LARGEST_POINTER) < LARGEST_POINTER]
    texts = read_blobs(git, [blobs[path] for path in small])
    found = {path: read_pointer(text) for path, text in zip(small, texts, strict=True)}
    return {path: pointer for path, pointer in found.items() if pointer is not None}


def _changed_files(changes: Iterable[RawChange]) -> dict[str, RawChange]:
    return {
        each.path: each
        for each in changes
        if each.status != "D" and each.mode in _FILES and each.object_id != each.old_id
    }


def pointers_of(git: Git, base: str, tree: str, changes: Iterable[RawChange]) -> dict[str, Pointer]:
    """The pointers among ``changes`` that stand for files in Git LFS by the attributes of ``tree``, and that
    ``base`` has nowhere."""
    files = _changed_files(changes)
    in_lfs = [path for path, name in filters_in(git, tree, files).items() if name == LFS]
    if not in_lfs:
        return {}
    known = _blobs_of(git, base)
    return _pointers(
        git, {path: files[path].object_id for path in in_lfs if files[path].object_id not in known}
    )


@dataclass(frozen=True, slots=True)
class Misfit:
    """A path whose content must not be pushed as it is, and why. ``may_hide``: the filter that it belongs
    through, or one that shares its content, may encrypt for all that is known; ``encrypts``: it does."""

    path: str
    reason: str
    may_hide: bool = False
    encrypts: bool = False


def split_filtered(
    git: Git, base: str, tree: str, changes: Collection[RawChange], allowed: Callable[[str], bool]
) -> Iterator[Misfit]:
    """Those among ``changes``. ``allowed`` says of which paths a person wants the content as it is; that does
    not count for what a filter encrypts."""
    files = _changed_files(changes)
    now, before = filters_in(git, tree, files), filters_in(git, base, files)
    if not now and not before:
        return
    others = _others(before, now)
    known = _blobs_of(git, base) if others else frozenset[str]()
    hidden: dict[str, Misfit] = {}
    for path, name in others.items():
        blob = files[path].object_id
        if blob not in known and (encrypts(name) or not allowed(path)):
            reason = f"its content should pass through the filter '{name}', which is not run"
            misfit = Misfit(path, reason, may_hide=True, encrypts=encrypts(name))
            if blob not in hidden or misfit.encrypts:
                hidden[blob] = misfit
            yield misfit
    for path, change in files.items():
        of = hidden.get(change.object_id) if path not in others else None
        if of is not None and (of.encrypts or not allowed(path)):
            yield replace(of, path=path, reason=f"it is the same as {of.path}, which a filter would change")
    in_lfs = {path: files[path].object_id for path, name in now.items() if name == LFS}
    pointers, sizes = _pointers(git, in_lfs), blob_sizes(git, in_lfs.values())
    for path, blob in in_lfs.items():
        if path not in pointers and path not in others and sizes.get(blob) != 0:
            yield Misfit(path, "its content belongs in Git LFS, but it is not a pointer")


def _others(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The filters that are not Git LFS, of which one that encrypts counts: an agent may have changed it."""
    found: dict[str, str] = {}
    for path, name in (*before.items(), *now.items()):
        if name != LFS and not encrypts(found.get(path, "")):
            found[path] = name
    return found


def unfiltered(
    git: Git, base: str, tree: str, changes: Collection[RawChange], allowed: Callable[[str], bool]
) -> dict[str, str]:
    """The filters, by path, of new contents that are in ``tree`` as they are because a person allows it."""
    files = _changed_files(changes)
    others = _others(filters_in(git, base, files), filters_in(git, tree, files))
    known = _blobs_of(git, base) if others else frozenset[str]()
    return {
        path: name
        for path, name in others.items()
        if files[path].object_id not in known and not encrypts(name) and allowed(path)
    }


def _blobs_of(git: Git, tree: str) -> frozenset[str]:
    out = git.run("Reading the tree", "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree)
    return frozenset(entry.split("\t", 1)[0].split(" ")[2] for entry in out.split("\0") if entry)
