"""Blemishes that a reviewer would not want to find in changes, though nothing forbids them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from stepherd.repositories.git import Git
from stepherd.repositories.raw_changes import RawChange
from stepherd.text.enumeration import first_of
from stepherd.text.plain import one_paragraph

__all__ = ["find_blemishes"]

_MARKER: Final = "^(<<<<<<<|>>>>>>>) "
_SHOWN: Final = 3
_LEFTOVERS: Final = {
    "compiled Python": re.compile(r"(^|/)__pycache__/|\.pyc$"),
    "installed packages (node_modules)": re.compile(r"(^|/)node_modules/"),
    "files of the macOS Finder (.DS_Store)": re.compile(r"(^|/)\.DS_Store$"),
}


def find_blemishes(git: Git, base: str, tree: str, changes: Sequence[RawChange]) -> tuple[str, ...]:
    """Notes about conflict markers in new lines, and about new files that no one writes by hand."""
    added = [change.path for change in changes if change.status == "A"]
    return tuple([*_leftovers(added), *_markers(git, base, tree)] if changes else ())


def _leftovers(added: Sequence[str]) -> Iterator[str]:
    for what, pattern in _LEFTOVERS.items():
        if found := [path for path in added if pattern.search(path)]:
            yield f"The changes contain {what}, which .gitignore would leave out: {_named(found)}."


def _markers(git: Git, base: str, tree: str) -> Iterator[str]:
    touched = git.run(
        "Looking for conflict markers",
        "diff-tree",
        "-r",
        "-z",
        "--name-only",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--diff-filter=d",
        f"-G{_MARKER}",
        "--end-of-options",
        base,
        tree,
    )
    # A line that went away matches, too.
    paths = {path for path in touched.split("\0") if path}
    if not paths:
        return
    search = ("grep", "-z", "--name-only", "-I", "--extended-regexp", "-e", _MARKER, tree)
    done = git.attempt("Looking for conflict markers", *search)
    names = done.out.decode("utf-8", "surrogateescape").split("\0")
    if found := [name.partition(":")[2] for name in names if name.partition(":")[2] in paths]:
        yield f"The changes contain lines that look like conflict markers of a merge: {_named(found)}."


def _named(paths: Sequence[str]) -> str:
    return first_of(paths, _SHOWN, lambda path: one_paragraph(path, 200))
