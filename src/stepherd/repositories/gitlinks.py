"""Submodules in what an agent changed: the commit that a folder stands for, and its entry in .gitmodules.

The two are useless without each other, so they are judged together and travel together. The commits are read
from the agent's index, as data (``index_file``): nothing in the files says which one a folder stands for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from stepherd.repositories.git import Git
from stepherd.repositories.gitmodules import GITMODULES, Module, read_modules
from stepherd.repositories.index_file import may_name_submodules, staged_gitlinks
from stepherd.repositories.raw_changes import RawChange
from stepherd.text.plain import one_paragraph

__all__ = ["SUBMODULE", "Gitlinks", "new_commits", "plan_gitlinks", "split_pairs", "submodules_of"]

SUBMODULE: Final = "160000"
_NONE: Final = "000000"
_FILES: Final = frozenset({"100644", "100755"})
_LARGEST_LIST: Final = 1 << 20

_Place = Literal["absent", "file", "empty", "repository", "files"]


@dataclass(frozen=True, slots=True)
class Gitlinks:
    """A plan for the submodules. ``apart`` are folders whose files are not the repository's."""

    apart: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    entries: Mapping[str, str] = field(default_factory=dict)
    """New ids, of submodules that the base has and of new ones."""
    filled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Those of ``apart`` in which there is anything, and the commits that the base and the agent name."""

    def take_away(self, git: Git) -> None:
        """Before the files are added: the folders that are submodules no longer."""
        _update(git, self.removed, "--force-remove", "--stdin")

    def enter(self, git: Git) -> None:
        """After the files were added: the new ids."""
        entries = (f"{SUBMODULE} {commit}\t{path}" for path, commit in self.entries.items())
        _update(git, entries, "--replace", "--index-info")


def _update(git: Git, lines: Iterable[str], *options: str) -> None:
    listing = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
    if listing:
        git.run("Entering the submodules", "update-index", "-z", *options, stdin=listing)


def plan_gitlinks(git: Git, workspace: Path, base: str, submodules: Mapping[str, str]) -> Gitlinks:
    """Decide about the ``submodules`` of ``base`` (path and id), and about new ones in the agent's index.

    Where that index cannot be read, the files alone count. Whether the outcome fits .gitmodules is for
    ``split_pairs`` to say.
    """
    git_dir = workspace / ".git"
    if not submodules and not may_name_submodules(git_dir):
        return Gitlinks()
    staged = staged_gitlinks(git_dir, id_bytes=len(base) // 2)
    if not submodules and not staged:
        return Gitlinks()
    listed = git.run("Reading the submodules", "ls-tree", "-z", "--end-of-options", base, GITMODULES)
    named = read_modules(git, listed.split()[2] if listed[:6] in _FILES else None) or {}
    now = _named_now(git, workspace)
    removed = [
        path for path in submodules if _is_removed(workspace, path, staged, path in named, path in now)
    ]
    kept = [path for path in submodules if path not in removed]
    places = {path: _place(workspace, path) for path in staged or () if path not in submodules}
    # A repository that no entry names is one inside the repository, which is another matter.
    new = [
        path for path, place in places.items() if place == "empty" or (place == "repository" and path in now)
    ]
    entries = {path: commit for path, commit in (staged or {}).items() if commit != submodules.get(path)}
    apart = [*kept, *new]
    return Gitlinks(
        tuple(apart),
        tuple(removed),
        {path: entries[path] for path in apart if path in entries},
        {
            path: tuple(each for each in (submodules.get(path), entries.get(path)) if each)
            for path in apart
            if _place(workspace, path) in {"repository", "files"}
        },
    )


def _named_now(git: Git, workspace: Path) -> Collection[str]:
    """The folders that the workspace's .gitmodules names."""
    path = workspace / GITMODULES
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ()
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST_LIST:
            return ()
        words = ("hash-object", "-w", "--no-filters", "--stdin")
        return tuple(read_modules(git, git.run("Reading the submodules", *words, stdin=file)) or ())


def _is_removed(
    workspace: Path, path: str, staged: Mapping[str, str] | None, was_named: bool, is_named: bool
) -> bool:
    place = _place(workspace, path)
    if place == "file":
        return True
    if staged is not None and path not in staged:
        return True
    # An empty folder that is gone says nothing; with its entry gone, too, it does.
    return place == "absent" and was_named and not is_named


def _place(workspace: Path, path: str) -> _Place:
    """The file at ``path``, without following links."""
    here = workspace
    for part in path.split("/"):
        here = here / part
        try:
            mode = here.lstat().st_mode
        except OSError:
            return "absent"
        if not stat.S_ISDIR(mode):
            return "file" if here == workspace / path else "absent"
    names = set(os.listdir(here))  # noqa: PTH208 - a folder may hold many
    if ".git" in names:
        return "repository"
    return "files" if names else "empty"


def new_commits(changes: Iterable[RawChange]) -> Iterator[str]:
    """A note for each submodule that stands for another commit than before: no one here knows whether its own
    repository has that one."""
    for change in changes:
        if change.mode == SUBMODULE:
            path = one_paragraph(change.path, 200)
            yield (
                f"The submodule {path} is at {change.object_id[:12]}: that commit must be in its "
                "own repository, which Stepherd does not push to."
            )


def split_pairs(
    git: Git, base: str, tree: str, changes: Collection[RawChange], left_out: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Paths among ``changes`` that must stay as they are in ``base``, and why: else ``tree`` would have a
    submodule without its entry in .gitmodules, or an entry without its submodule, where the base has not.

    ``left_out`` are paths that stay as they are for other reasons. When one does not fit, none of them is
    changed, because they share one file.
    """
    concerned = [each for each in changes if _concerns_submodules(each)]
    if not concerned:
        return
    reasons = dict(_split(git, base, tree))
    stays = next((each.path for each in concerned if each.path in left_out), None)
    if not reasons and stays is None:
        return
    first = next(iter(reasons), stays)
    default = f"it is changed together with {first} or not at all"
    replaced = [f"{each.path}/" for each in concerned if each.old_mode == SUBMODULE]
    for change in changes:
        if change.path in left_out:
            continue
        if change in concerned:
            yield change.path, reasons.get(change.path, default)
        elif any(change.path.startswith(folder) for folder in replaced):
            yield change.path, "it is in the place of a submodule that was not removed"


def _concerns_submodules(change: RawChange) -> bool:
    return change.path == GITMODULES or SUBMODULE in (change.old_mode, change.mode)


def _split(git: Git, base: str, tree: str) -> Iterator[tuple[str, str]]:
    links_before, list_before = submodules_of(git, base)
    links, blob = submodules_of(git, tree)
    before, now = read_modules(git, list_before) or {}, read_modules(git, blob)
    if now is None:
        yield GITMODULES, "git cannot read it"
        return
    for path in sorted({*links_before, *links, *before, *now}):
        is_linked, is_named = path in links, path in now
        unchanged = (is_linked, is_named) == (path in links_before, path in before)
        if is_linked == is_named:
            reason = _objection(before.get(path), now.get(path))
        elif unchanged:
            reason = None
        elif is_linked:
            reason = "it is a submodule without its entry in .gitmodules"
        else:
            reason = "it is not a submodule, but .gitmodules says that it is"
        if reason is not None:
            yield path, reason


def _objection(before: Module | None, now: Module | None) -> str | None:
    return now.objection if now is not None and now != before else None


def submodules_of(git: Git, tree: str) -> tuple[dict[str, str], str | None]:
    """The submodules of a tree, path and id, and the blob of its .gitmodules."""
    links: dict[str, str] = {}
    blob: str | None = None
    out = git.run("Reading the tree", "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree)
    for entry in out.split("\0"):
        head, _, path = entry.partition("\t")
        mode, _, rest = head.partition(" ")
        if mode == SUBMODULE:
            links[path] = rest.partition(" ")[2]
        elif path == GITMODULES and mode in _FILES:
            blob = rest.partition(" ")[2]
    return links, blob
