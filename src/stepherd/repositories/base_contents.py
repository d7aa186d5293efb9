"""Contents, links and lines that the base holds already: wherever they turn up again, they are not new."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from stepherd.repositories.git import Git
from stepherd.repositories.large_files import judge_new_lines
from stepherd.repositories.raw_changes import RawChange

__all__ = ["BaseContents", "enter", "new_lines_of_copies"]

_LINK: Final = "120000"
_FILES: Final = frozenset({"100644", "100755"})


@dataclass(frozen=True, slots=True)
class BaseContents:
    """The base's paths, each with its mode and object."""

    entries: Mapping[str, tuple[str, str]]
    files: frozenset[str]
    links: frozenset[str]

    @classmethod
    def read(cls, git: Git, base: str) -> BaseContents:
        """Those of the tree of ``base``."""
        words = ("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", base)
        entries: dict[str, tuple[str, str]] = {}
        for entry in git.run("Reading the base", *words).split("\0"):
            head, _, path = entry.partition("\t")
            if path:
                mode, _, object_id = head.split(" ")
                entries[path] = (mode, object_id)
        files = frozenset(found for mode, found in entries.values() if mode in _FILES)
        return cls(entries, files, frozenset(found for mode, found in entries.values() if mode == _LINK))

    def hold(self, change: RawChange) -> bool:
        """Whether the very content of ``change``, or its link, lies in the base, at whatever path."""
        return change.object_id in (self.links if change.mode == _LINK else self.files)


def enter(git: Git, tree: str, entries: Mapping[str, tuple[str, str] | None]) -> str:
    """The id of ``tree`` with other ``entries``: mode and object by path, None where nothing is to be."""
    if not entries:
        return tree
    index = git.scratch / "enter.index"
    own = {"GIT_INDEX_FILE": str(index)}
    gone = [path for path, entry in entries.items() if entry is None]
    lines = [f"0 {'0' * len(tree)}\t{path}\0" for path in gone]
    lines += [f"{entry[0]} {entry[1]}\t{path}\0" for path, entry in entries.items() if entry is not None]
    listing = "".join(lines).encode("utf-8", "surrogateescape")
    git = git.within(git.git_dir, git.scratch)  # Git wants a work tree for this; it does not look into it.
    try:
        git.run("Reading the tree", "read-tree", "--end-of-options", tree, environment=own)
        words = ("update-index", "-z", "--replace", "--index-info")
        git.run("Changing the tree", *words, stdin=listing, environment=own)
        return git.run("Writing the tree", "write-tree", environment=own)
    finally:
        index.unlink(missing_ok=True)


def new_lines_of_copies(
    git: Git, base: str, changes: Collection[RawChange], judge: Callable[[bytes], str | None]
) -> dict[str, list[tuple[int, str]]]:
    """The new files among ``changes`` that were moved or copied from one of ``base``, each with what
    ``judge`` objects to in the lines that its original has not."""
    new = {change.path: change for change in changes if change.status == "A" and change.mode in _FILES}
    if not new:
        return {}
    tree = git.run("Reading the base", "rev-parse", "--verify", "--end-of-options", f"{base}^{{tree}}")
    there = enter(git, tree, {path: (change.mode, change.object_id) for path, change in new.items()})
    words = ("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--find-copies", "--find-copies-harder")
    out = git.run("Looking for copies", *words, "--diff-filter=RC", "--end-of-options", tree, there)
    fields = out.split("\0")
    return {
        path: judge_new_lines(git, head.split(" ")[2], new[path].object_id, judge)
        for head, path in zip(fields[0::3], fields[2::3], strict=False)
    }
