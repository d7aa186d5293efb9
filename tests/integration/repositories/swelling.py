"""Objects that unpack to more than any machine has: an agent or a server makes them of a few kilobytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.integration.repositories.bombs import DELTA_BASE, delta_bomb, pack_of
from tests.integration.repositories.origin import git


def endless_tree(folder: Path, depth: int) -> str:
    """A tree of ten files in ten folders in ten folders …: ``10 ** depth`` of them."""
    blob = git(folder, "hash-object", "-w", "--stdin", stdin=b"x\n")
    entries = "".join(f"100644 blob {blob}\tf{number}\n" for number in range(10))
    for _ in range(depth - 1):
        tree = git(folder, "mktree", stdin=entries.encode())
        entries = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
    return git(folder, "mktree", stdin=entries.encode())


def plant_commit(folder: Path, tree: str, ref: str) -> str:
    """A commit of ``tree`` on what ``main`` is, as ``ref``."""
    made = git(folder, "commit-tree", "-p", "main", "-m", "more than it seems", tree)
    git(folder, "update-ref", ref, made)
    return made


def swelling_pack(size: int) -> bytes:
    """A pack with a blob of 3 MiB of zeros, and a delta that makes it ``size``."""
    return pack_of(*delta_bomb(size))


def blob_of_zeros(size: int) -> str:
    """The id of what comes out."""
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for _ in range(size // DELTA_BASE):
        digest.update(bytes(DELTA_BASE))
    return digest.hexdigest()
