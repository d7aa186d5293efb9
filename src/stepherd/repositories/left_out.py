"""A tree in which some of the changes are left out: there the paths are as the base has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from stepherd.repositories.git import Git
from stepherd.repositories.raw_changes import RawChange

__all__ = ["leave_out"]


def leave_out(git: Git, tree: str, changes: Iterable[RawChange], paths: Collection[str]) -> str:
    """The id of ``tree`` without those of its ``changes`` that are at ``paths``."""
    index: Path = git.scratch / "left-out.index"
    own = {"GIT_INDEX_FILE": str(index)}
    git = git.within(git.git_dir, git.scratch)  # Git wants a work tree for this; it does not look into it.
    back = [change for change in changes if change.path in paths]
    # A mode of zero takes away; what was in the way of a path of the base goes first.
    lines = [f"0 {change.object_id}\t{change.path}\0" for change in back]
    lines += [
        f"{change.old_mode} {change.old_id}\t{change.path}\0" for change in back if change.old_mode.strip("0")
    ]
    listing = "".join(lines).encode("utf-8", "surrogateescape")
    try:
        git.run("Reading the tree", "read-tree", "--end-of-options", tree, environment=own)
        words = ("update-index", "-z", "--add", "--replace", "--index-info")
        git.run("Leaving out", *words, stdin=listing, environment=own)
        return git.run("Writing the tree", "write-tree", environment=own)
    finally:
        index.unlink(missing_ok=True)
