"""Files that are set aside instead of pushed, for their name, size or kind alone; and how much of them is
kept all the same."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from stepherd.repositories.conversion import as_they_are, ids_of_files
from stepherd.repositories.git import Git, TooSlow
from stepherd.repositories.git_names import imitates_git, other_name
from stepherd.repositories.large_files import blob_sizes
from stepherd.repositories.left_out import leave_out
from stepherd.repositories.paths import is_within, parents, with_parents
from stepherd.repositories.push_room import largest_beyond
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.repositories.refused_files import refusals
from stepherd.repositories.scan import LARGEST_FILE, Finding

__all__ = ["Aside", "add_aside", "look_aside", "size_of"]

_NESTED: Final = "it is a git repository inside the repository"
_ENVIRONMENT: Final = "it is a Python virtual environment, made for one machine"
_MARK: Final = "pyvenv.cfg"
_MOST_NEW: Final = 8 << 30
"""Bytes of new files that git is given to compress, in the time that it has."""
_TOO_MUCH: Final = "the new files have more than 8 GiB in all"
_MOST_BYTES: Final = 512 << 20
"""Of all that is kept beside what is pushed: a bundle of more than 2 GiB is not accepted."""
_MOST_OF_COPIES: Final = 64 << 20
"""Bytes of one environment or nested repository, which could be had again."""
_MOST_FILES: Final = 5_000
_MOST_ASIDE: Final = 200
_COPIES: Final = frozenset({"environment", "nested repository"})


@dataclass(frozen=True, slots=True)
class Aside:
    """One such thing, and the files of which it consists, where git could hold them."""

    finding: Finding
    paths: tuple[str, ...] = ()
    contents: Mapping[str, Path] = field(default_factory=dict)
    """Files that git could hold under other names, which these are."""

    def all_of(self, workspace: Path) -> Iterator[Path]:
        """Where all of them lie."""
        yield from (workspace / path for path in self.paths)
        yield from self.contents.values()


def look_aside(
    git: Git,
    workspace: Path,
    tracked: Mapping[str, str],
    others: Sequence[str],
    apart: Collection[str],
    large: Iterable[str],
) -> list[Aside]:
    """Look at the files of the base (``tracked``: path and blob) and at the new ones (``others``, as git
    lists them). ``apart`` are the folders of submodules; among ``large`` are all files that may be too large.
    """
    environments = _environments(tracked, others)
    rest = [path for path in others if not is_within(path, environments)]
    found = [
        *_nested_in(workspace, [*tracked, *apart]),
        *_grown(git, workspace, tracked, [path for path in large if path in tracked]),
        *_unwanted(git, workspace, tracked, rest),
    ]
    below = frozenset(apart)
    found = [each for each in found if not is_within(each.finding.path, below)]
    for path in others:
        folder = next((each for each in parents(path) if each in environments), None)
        if folder is not None and not path.endswith("/"):
            environments[folder].append(path)
    return found + [
        Aside(Finding(folder, None, "environment", _ENVIRONMENT), tuple(paths))
        for folder, paths in environments.items()
    ]


def _environments(tracked: Iterable[str], others: Iterable[str]) -> dict[str, list[str]]:
    """Folders that are new as a whole, and are environments; of one within another the outer. With room for
    the files in each."""
    folders = sorted(path.removesuffix(f"/{_MARK}") for path in others if path.endswith(f"/{_MARK}"))
    of_base = {parent for path in tracked for parent in parents(path)} if folders else set()
    found: dict[str, list[str]] = {}
    for folder in folders:
        if folder not in of_base and not is_within(folder, found):
            found[folder] = []
    return found


def _grown(git: Git, workspace: Path, tracked: Mapping[str, str], suspects: Iterable[str]) -> Iterator[Aside]:
    """Files of the base that have become too large, by their size alone: they are not even read."""
    large = {path: size for path in suspects if (size := size_of(workspace / path)) > LARGEST_FILE}
    before = blob_sizes(git, [tracked[path] for path in large])
    for path, size in large.items():
        if before.get(tracked[path]) != size:
            yield _too_large(path, size)


def _too_large(path: str, size: int) -> Aside:
    return Aside(Finding(path, None, "too large", f"its {size / 1e6:.0f} MB are more than 100 MB"), (path,))


def _nested_in(workspace: Path, tracked: Iterable[str]) -> Iterator[Aside]:
    """Nested repositories in folders of the base, whose files are the base's and are added: git passes over
    the ``.git`` in silence."""
    folders = {path.rpartition("/")[0] for path in tracked} - {""}
    for folder in sorted({each for inner in folders for each in with_parents(inner)}):
        if os.path.lexists(workspace / folder / ".git"):
            yield Aside(Finding(f"{folder}/.git", None, "nested repository", _NESTED))


def _unwanted(
    git: Git, workspace: Path, tracked: Mapping[str, str], others: Iterable[str]
) -> Iterator[Aside]:
    large: dict[str, int] = {}
    usual: dict[str, int] = {}
    for path in others:
        if path.endswith("/"):
            folder = path.rstrip("/")
            finding = Finding(folder, None, "nested repository", _NESTED)
            yield Aside(finding, tuple(_files_of_nested(git, workspace, folder)))
        elif any(imitates_git(part) for part in path.split("/")):
            finding = Finding(path, None, "forbidden name", "its name imitates .git")
            is_file = stat.S_ISREG((workspace / path).lstat().st_mode)
            yield Aside(finding, contents={other_name(path): workspace / path} if is_file else {})
        elif (size := size_of(f"{workspace}/{path}")) > LARGEST_FILE:  # A Path for each takes far longer.
            large[path] = size
        else:
            usual[path] = size
    for path, size in largest_beyond(usual, _MOST_NEW):
        yield Aside(
            Finding(path, None, "too large", f"{_TOO_MUCH}, {size / 1e6:.0f} MB of them here"), (path,)
        )
    moved = _held(git, workspace, tracked, large)
    yield from (_too_large(path, size) for path, size in large.items() if path not in moved)


def _held(git: Git, workspace: Path, tracked: Mapping[str, str], large: Mapping[str, int]) -> set[str]:
    """Which of the files the base has elsewhere: only those that have the size of one are read."""
    sizes = set(blob_sizes(git, tracked.values()).values()) if large else set()
    same = [path for path, size in large.items() if size in sizes]
    ids, held = ids_of_files(git, workspace, same), frozenset(tracked.values())
    return {path for path in same if ids[path] in held}


def _files_of_nested(git: Git, workspace: Path, folder: str) -> Iterator[str]:
    """The files of a nested repository that it does not ignore, up to one more than are kept."""
    if not stat.S_ISDIR((workspace / folder).lstat().st_mode):
        return
    own = {"GIT_INDEX_FILE": str(git.scratch / "nested.index")}
    there = git.within(git.git_dir, workspace / folder)
    words = ("-C", str(workspace / folder), "ls-files", "-z", "--others", "--exclude-standard")
    try:
        listed = there.run("Looking into a nested repository", *words, environment=own).split("\0")
    except TooSlow:
        return
    names = [name for name in listed if name and not name.endswith("/")]
    for name in names[: _MOST_FILES + 1]:
        if not any(imitates_git(part) for part in name.split("/")):
            yield f"{folder}/{name}"


def size_of(path: Path | str) -> int:
    """The bytes of a file; 0 for anything else."""
    try:
        facts = os.lstat(path)
    except OSError:
        return 0
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0


def add_aside(git: Git, workspace: Path, tree: str, asides: Sequence[Aside]) -> tuple[str, list[Finding]]:
    """``tree`` with the files of ``asides``, as they are, as far as there is room for them; and the findings,
    which say so where there is none."""
    if not asides:
        return tree, []
    index = git.scratch / "aside.index"
    own = {"GIT_INDEX_FILE": str(index)}
    findings: list[Finding] = []
    left = _MOST_BYTES
    try:
        git.run("Reading the tree", "read-tree", "--end-of-options", tree, environment=own)
        for number, aside in enumerate(asides):
            size = sum(size_of(path) for path in aside.all_of(workspace))
            reason = _why_not(aside, size, left) if number < _MOST_ASIDE else "there are too many of them"
            if reason is None and not (
                _add(git, aside.paths, own) and _add_contents(git, aside.contents, own)
            ):
                reason = "it could not be read"
            left -= size if reason is None else 0
            findings.append(_kept(aside) if reason is None else _not_kept(aside.finding, reason))
        whole = git.run("Writing the tree", "write-tree", environment=own)
    finally:
        index.unlink(missing_ok=True)
    changes = list_raw_changes(git, tree, whole)
    reasons = refusals(git, changes, tree)
    if reasons:
        whole = leave_out(git, whole, changes, reasons)
        findings += [
            _not_kept(
                Finding(path, None, "refused by git", "it is part of the work that is left out"), reason
            )
            for path, reason in reasons.items()
        ]
    return whole, findings


def _why_not(aside: Aside, size: int, left: int) -> str | None:
    """Why it is not kept; None where it is."""
    if aside.finding.what == "unreadable":
        return "git cannot get at it"
    if not aside.paths and not aside.contents:
        return "git cannot hold anything of this kind"
    if aside.finding.what in _COPIES and (size > _MOST_OF_COPIES or len(aside.paths) > _MOST_FILES):
        return f"it has more than {_MOST_FILES:,} files or {_MOST_OF_COPIES >> 20} MiB"
    if size > left:
        return f"no more than {_MOST_BYTES >> 20} MiB of such files are"
    return None


def _kept(aside: Aside) -> Finding:
    if not aside.contents:
        return aside.finding
    # Not the name itself: it is made of the path, which may hold a secret.
    return replace(aside.finding, detail=f"{aside.finding.detail}, and is kept under a name with .refused")


def _not_kept(finding: Finding, reason: str) -> Finding:
    return replace(finding, detail=f"{finding.detail}, and is not kept: {reason}")


def _add(git: Git, paths: Iterable[str], index: Mapping[str, str]) -> bool:
    listing = os.fsencode("".join(f"{path}\0" for path in paths))
    with as_they_are(git):
        words = ("update-index", "--add", "--replace", "-z", "--stdin")
        return git.attempt("Keeping files", *words, stdin=listing, environment=index).code == 0


def _add_contents(git: Git, contents: Mapping[str, Path], index: Mapping[str, str]) -> bool:
    for name, path in contents.items():
        try:
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
        except OSError:
            return False
        with file:
            blob = git.run("Keeping a file", "hash-object", "-w", "--no-filters", "--stdin", stdin=file)
        line = f"100644 {blob}\t{name}\0".encode("utf-8", "surrogateescape")
        words = ("update-index", "-z", "--add", "--replace", "--index-info")
        if git.attempt("Keeping a file", *words, stdin=line, environment=index).code != 0:
            return False
    return True
