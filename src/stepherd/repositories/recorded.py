"""How recorded changes go into a bundle, and what is counted of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stepherd.repositories.bundle import ALL_REF, CHANGES_REF
from stepherd.repositories.git import Git
from stepherd.repositories.parting import Parted
from stepherd.repositories.raw_changes import RawChange, list_raw_changes

__all__ = ["IDENTITY", "FileChange", "commit_parted", "count_lines"]

IDENTITY: Final = {
    "GIT_AUTHOR_NAME": "Stepherd",
    "GIT_AUTHOR_EMAIL": "stepherd@localhost.invalid",
    "GIT_COMMITTER_NAME": "Stepherd",
    "GIT_COMMITTER_EMAIL": "stepherd@localhost.invalid",
}


@dataclass(frozen=True, slots=True)
class FileChange:
    """One changed path. ``status`` is added, modified, deleted or type changed (A, M, D, T).

    ``added`` and ``deleted`` count lines; None for a binary file.
    """

    path: str
    status: str
    added: int | None
    deleted: int | None
    renamed_from: str | None = None
    """Of an added path: the deleted one that has most of its content."""


def commit_parted(git: Git, base: str, parted: Parted, everything: str) -> dict[str, str]:
    """Commit what may be pushed, where there is anything, and the tree ``everything``, where that is more.
    The commits by their names in the bundle."""
    trees = {CHANGES_REF: parted.tree} if parted.changes else {}
    if everything != parted.tree and list_raw_changes(git, base, everything):
        trees[ALL_REF] = everything
    return {ref: _commit(git, base, tree) for ref, tree in trees.items()}


def _commit(git: Git, base: str, tree: str) -> str:
    words = ("commit-tree", "-p", base, "-F", "-", tree)
    message = b"Changes recorded by Stepherd\n"
    return git.run("Recording the changes", *words, stdin=message, environment=IDENTITY)


def count_lines(git: Git, base: str, tree: str, raw: tuple[RawChange, ...]) -> tuple[FileChange, ...]:
    """Each changed path, with its lines."""
    out = git.run(
        "Counting lines",
        "diff-tree",
        "-r",
        "-z",
        "--numstat",
        "--no-renames",
        "--ignore-submodules=none",
        "--no-ext-diff",
        "--no-textconv",
        "--end-of-options",
        base,
        tree,
    )
    counts: dict[str, tuple[int | None, int | None]] = {}
    for entry in out.split("\0"):
        if entry:
            added, deleted, path = entry.split("\t", 2)
            counts[path] = (_number(added), _number(deleted))
    origins = _renamed(git, base, tree) if {"A", "D"} <= {change.status for change in raw} else {}
    return tuple(
        FileChange(
            _shown(change.path),
            change.status,
            *counts.get(change.path, (None, None)),
            _shown(origins[change.path]) if change.path in origins else None,
        )
        for change in raw
    )


def _renamed(git: Git, base: str, tree: str) -> dict[str, str]:
    """New path → old path, where git finds that a file was renamed, among as many as it compares at most."""
    words = ("diff-tree", "-r", "-z", "--name-status", "--find-renames", "-l400", "--diff-filter=R")
    out = git.run("Looking for renames", *words, "--no-ext-diff", "--end-of-options", base, tree)
    fields = out.split("\0")
    return dict(zip(fields[2::3], fields[1::3], strict=False))


def _shown(path: str) -> str:
    """A path that every encoder takes: bytes that are no UTF-8 are replaced."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None
