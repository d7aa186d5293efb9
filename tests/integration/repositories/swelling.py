"""Objects that unpack to more than any machine has: an agent or a server makes them of a few kilobytes."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from tests.integration.repositories.origin import git

_BASE = bytes(0xFFFFFF)
_COPY = b"\xf0\xff\xff\xff"
"""Of a delta: all of the base once more (gitformat-pack)."""


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


def swelling_pack(times: int) -> bytes:
    """A pack with a blob of 16 MiB of zeros, and a delta that makes it so many times as large."""
    delta = _number(len(_BASE)) + _number(times * len(_BASE)) + _COPY * times
    base = _head(3, len(_BASE)) + zlib.compress(_BASE, 9)
    swollen = _head(6, len(delta)) + _back(len(base)) + zlib.compress(delta, 9)
    data = b"PACK" + (2).to_bytes(4, "big") + (2).to_bytes(4, "big") + base + swollen
    return data + hashlib.sha1(data, usedforsecurity=False).digest()


def swollen_blob(times: int) -> str:
    """The id of what comes out."""
    digest = hashlib.sha1(b"blob %d\0" % (times * len(_BASE)), usedforsecurity=False)
    for _ in range(times):
        digest.update(_BASE)
    return digest.hexdigest()


def _number(value: int) -> bytes:
    text = bytearray()
    while value >= 0x80:
        text.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*text, value])


def _head(kind: int, size: int) -> bytes:
    first, rest = kind << 4 | size & 15, size >> 4
    return bytes([first]) if not rest else bytes([first | 0x80]) + _number(rest)


def _back(offset: int) -> bytes:
    text = [offset & 0x7F]
    while offset := offset >> 7:
        offset -= 1
        text.insert(0, 0x80 | offset & 0x7F)
    return bytes(text)
