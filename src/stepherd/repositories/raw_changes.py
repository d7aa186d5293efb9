"""The differences between two trees, path by path, and the contents of small files in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stepherd.repositories.git import Git

__all__ = ["RawChange", "list_raw_changes", "list_staged_changes", "read_blobs"]


@dataclass(frozen=True, slots=True)
class RawChange:
    """One path of ``git diff-tree --raw``: modes and object ids before and after, the status letter."""

    path: str
    old_mode: str
    mode: str
    old_id: str
    object_id: str
    status: str


def list_raw_changes(git: Git, base: str, tree: str) -> tuple[RawChange, ...]:
    """The paths that differ between two trees, without rename detection."""
    out = git.run(
        "Comparing",
        "diff-tree",
        "-r",
        "-z",
        "--raw",
        "--no-renames",
        "--ignore-submodules=none",
        "--no-abbrev",
        "--end-of-options",
        base,
        tree,
    )
    return _parsed(out)


def list_staged_changes(git: Git, base: str) -> tuple[RawChange, ...]:
    """The paths in which the index differs from the tree of ``base``, without rename detection."""
    # Or git would ask .gitmodules, which may say anything.
    words = (
        "diff-index",
        "--cached",
        "-z",
        "--raw",
        "--no-renames",
        "--ignore-submodules=none",
        "--no-abbrev",
    )
    told = ("--ignore-submodules=none", "--end-of-options", base)
    return _parsed(git.run("Comparing", *words, *told))


def _parsed(out: str) -> tuple[RawChange, ...]:
    fields = out.split("\0")
    changes: list[RawChange] = []
    for head, path in zip(fields[0::2], fields[1::2], strict=False):
        old_mode, mode, old_id, object_id, status = head.removeprefix(":").split(" ")
        changes.append(RawChange(path, old_mode, mode, old_id, object_id, status[0]))
    return tuple(changes)


def read_blobs(git: Git, object_ids: Sequence[str]) -> Iterator[str]:
    """The contents of small blobs, asked for in one go (git-cat-file: a line with the size, then bytes)."""
    if not object_ids:
        return
    question = "".join(f"{object_id}\n" for object_id in object_ids).encode()
    rest = git.run("Reading files", "cat-file", "--batch=%(objectsize)", stdin=question) + "\n"
    data, at = rest.encode("utf-8", "surrogateescape"), 0
    while at < len(data):
        start = data.index(b"\n", at) + 1
        end = start + int(data[at : start - 1])
        yield data[start:end].decode("utf-8", "surrogateescape")
        at = end + 1
