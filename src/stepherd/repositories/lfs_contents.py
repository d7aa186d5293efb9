"""Contents of Git LFS that an agent's git-lfs has put into ``.git/lfs/objects`` (git-lfs, docs/spec.md).

A content that a commit of the agent's points to may be there alone: the work tree may hold another by now.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from stepherd.repositories.filtered import LARGEST_CONTENT, LARGEST_CONTENTS, Content, open_inside
from stepherd.repositories.lfs_pointer import Pointer

__all__ = ["select_contents"]

_STORE: Final = ".git/lfs/objects"
_OID: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = re.compile(r"[0-9a-f]{2}")
_MOST: Final = 100_000
_MOST_BYTES: Final = 1 << 30
"""Of contents that nothing which is pushed points to."""


def select_contents(
    workspace: Path, planned: Iterable[Content], pointers: Collection[Pointer], known: Collection[str]
) -> tuple[list[Content], str | None]:
    """Select the contents to take along, each once: the ``planned``, those that ``pointers`` need beside
    them, and others that the agent made: those that are not ``known`` from the base. Also returns a note
    about any that are left behind.
    """
    found = {content.pointer.oid: content for content in planned}
    wanted = {pointer.oid: pointer.size for pointer in pointers}
    left_for_wanted, left, behind = LARGEST_CONTENTS, _MOST_BYTES, 0
    for content in _stored(workspace):
        oid, size = content.pointer.oid, content.pointer.size
        if oid in found or (oid in known and oid not in wanted):
            continue
        room = left_for_wanted if oid in wanted else left
        # A content with another size than its pointer's is not the one. A file of any size needs no room.
        if size > min(room, LARGEST_CONTENT) or size != wanted.get(oid, size):
            behind += 1
            continue
        if oid in wanted:
            left_for_wanted -= size
        else:
            left -= size
        found[oid] = content
    note = (
        f"{behind} contents that the agent's git-lfs has stored are not kept: they are not what a pointer "
        f"says, larger than {LARGEST_CONTENT >> 30} GiB, or needed by no file which is pushed and together "
        f"larger than {_MOST_BYTES >> 30} GiB."
    )
    return list(found.values()), note if behind else None


def _stored(workspace: Path) -> Iterator[Content]:
    left = _MOST
    for first in _names(workspace, _STORE, _PART):
        for second in _names(workspace, f"{_STORE}/{first}", _PART):
            folder = f"{_STORE}/{first}/{second}"
            for oid in _names(workspace, folder, _OID):
                left -= 1
                if left < 0:
                    return
                file = open_inside(workspace, f"{folder}/{oid}")
                if file is not None:
                    with file:
                        size = os.fstat(file.fileno()).st_size
                    yield Content(Pointer(oid, size), f"{folder}/{oid}")


def _names(workspace: Path, folder: str, form: re.Pattern[str]) -> list[str]:
    """The fitting names in a folder that is reached by no link."""
    handle = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folder.split("/"):
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        with os.scandir(handle) as entries:
            return sorted(entry.name for entry in entries if form.fullmatch(entry.name))
    except OSError:
        return []
    finally:
        os.close(handle)
