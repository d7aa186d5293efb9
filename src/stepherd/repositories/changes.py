"""What an agent changed, as one commit on the base, in a bundle (facts: git and secrets, X2).

The agent owns its workspace and the ``.git`` in it, so neither that ``.git`` nor any configuration is used:
a new repository is made, borrows the objects of the copy that was taken before the agent started, and looks
at the workspace as a plain tree of files. Whatever the agent committed on its way is in that tree.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.errors import DataError, NotFoundError
from stepherd.repositories.automation import Automation, find_automation
from stepherd.repositories.bundle import CHANGES_REF, write_bundle
from stepherd.repositories.conversion import added_safely, settle_conversions
from stepherd.repositories.filtered import Content, plan_filtered, pointers_of
from stepherd.repositories.git import Git, Limits, create_repository
from stepherd.repositories.gitlinks import SUBMODULE, Gitlinks, new_commits, plan_gitlinks
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.large_files import blob_sizes
from stepherd.repositories.lfs_contents import select_contents
from stepherd.repositories.raw_changes import RawChange, list_raw_changes
from stepherd.repositories.refs import is_commit_id
from stepherd.repositories.scan import LARGEST_FILE, ChangesBlocked, Finding, scan_changes
from stepherd.repositories.scratch import private_folder

__all__ = ["Changes", "FileChange", "borrow_objects", "copy_private", "record_changes"]

_LARGEST_CONVERTED: Final = 32 << 20  # bytes
_NESTED: Final = "it is a git repository inside the repository"
_IDENTITY: Final = {
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


@dataclass(frozen=True, slots=True)
class Changes:
    """What an agent changed: the files, the tree, and the commit in the bundle (None: nothing changed)."""

    files: tuple[FileChange, ...]
    tree: str
    commit: str | None
    automation: tuple[Automation, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader of the changes must know of them."""


def record_changes(
    workspace: Path,
    private_git: Path,
    base_commit: str,
    bundle: Path,
    scratch: Path,
    *,
    known_secrets: Iterable[str] = (),
    refuse_automation: bool = False,
    limits: Limits | None = None,
    keep: Callable[[Content], None] = lambda _content: None,
) -> Changes:
    """Record ``workspace`` as one commit on ``base_commit`` and write it to ``bundle``.

    ``private_git`` is a copy of the clone's ``.git`` from before the agent started; of it, only the objects
    are used. Files that git ignores are left out. Without a change no bundle is written. ``known_secrets``
    are the run's own; ``refuse_automation`` also refuses what ``find_automation`` names. ``keep`` gets each
    content that belongs into Git LFS and must be taken along. Raises
    ChangesBlocked when the scan finds something that must not be pushed; the bundle is written all the
    same (without nested repositories and files over 100 MB), so that the work is not lost.
    """
    if not is_commit_id(base_commit):
        raise DataError("The base commit of the workspace is not a full commit id.")
    if not (private_git / "objects").is_dir():
        raise NotFoundError(f"There is no copy of the repository at {private_git}.")
    if not workspace.is_dir() or workspace.is_symlink():
        raise DataError(f"The workspace {workspace} is gone or is no folder.", remedy="Run the agent again.")
    with private_folder(scratch, "record") as private:
        git = Git(private, private / "record.git", limits=limits or Limits(), place="the workspace")
        borrow_objects(git, private_git, base_commit)
        scan = _Scan(KnownSecrets(known_secrets), refuse_automation)
        return _record(git.within(git.git_dir, workspace), workspace, base_commit, bundle, scan, keep)


@dataclass(frozen=True, slots=True)
class _Scan:
    """What changes are judged by."""

    known: KnownSecrets
    refuse_automation: bool


def borrow_objects(git: Git, private_git: Path, base_commit: str) -> None:
    """Make ``git.git_dir`` a new repository that has ``base_commit``, by the objects of ``private_git``."""
    create_repository(git, commit_id=base_commit)
    info = git.git_dir / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_bytes(os.fsencode(private_git.absolute() / "objects") + b"\n")
    # The base's parents are not there: git must know that, or it looks for them.
    (git.git_dir / "shallow").write_text(f"{base_commit}\n", encoding="ascii")


def _record(
    git: Git,
    workspace: Path,
    base_commit: str,
    bundle: Path,
    scan: _Scan,
    keep: Callable[[Content], None],
) -> Changes:
    git.run("Reading the base", "read-tree", "--end-of-options", base_commit)
    found = _inspect(git, workspace, base_commit)
    filtered = plan_filtered(git, workspace, found.tracked, found.others)
    filtered.enter(git)
    blocked = [each for each in found.findings if each.path not in filtered.entries]
    with added_safely(git, found.large):
        _add(git, [*(finding.path for finding in blocked), *found.gitlinks.apart])
    settle_conversions(git, workspace, base_commit, found.large)
    found.gitlinks.enter(git)
    filtered.enter(git)
    tree = git.run("Writing the tree", "write-tree")
    raw = list_raw_changes(git, base_commit, tree)
    pointers = pointers_of(git, base_commit, tree, raw).values()
    contents, left_behind = select_contents(workspace, filtered.contents, pointers, filtered.known)
    for content in contents:
        keep(content)
    commit: str | None = None
    if raw:
        commit = git.run(
            "Recording the changes",
            "commit-tree",
            "-p",
            base_commit,
            "-F",
            "-",
            tree,
            stdin=b"Changes recorded by Stepherd\n",
            environment=_IDENTITY,
        )
        write_bundle(git, base_commit, {CHANGES_REF: commit}, bundle)
    automation = find_automation(git, raw)
    refused = automation if scan.refuse_automation else ()
    objections = scan_changes(git, base_commit, tree, raw, known=scan.known, automation=refused)
    if findings := (*blocked, *objections):
        raise ChangesBlocked(findings)
    notes = (*new_commits(raw), *([left_behind] if left_behind else []))
    return Changes(_count_lines(git, base_commit, tree, raw), tree, commit, automation, notes)


@dataclass(frozen=True, slots=True)
class _Found:
    """The base's files and the new ones, what must stay out, what becomes of submodules, and files that are
    too large to be converted, which git does in memory."""

    tracked: Mapping[str, str]
    others: Sequence[str]
    findings: Sequence[Finding]
    gitlinks: Gitlinks
    large: Sequence[str]


def _inspect(git: Git, workspace: Path, base: str) -> _Found:
    tracked, submodules = _tracked(git)
    gitlinks = plan_gitlinks(git, workspace, base, submodules)
    gitlinks.take_away(git)
    grown = [*_grown(git, workspace, tracked)]
    out = git.run("Looking for new files", "ls-files", "-z", "--others", "--exclude-standard")
    others = [path for path in out.split("\0") if path]
    nested = _nested_in(workspace, [*tracked, *gitlinks.apart])
    findings = [*nested, *grown, *_unwanted(workspace, others)]
    inside = tuple(f"{path}/" for path in gitlinks.apart)
    findings = [finding for finding in findings if not f"{finding.path}/".startswith(inside)]
    large = [path for path in (*tracked, *others) if _size(workspace / path) > _LARGEST_CONVERTED]
    return _Found(tracked, others, findings, gitlinks, large)


def _tracked(git: Git) -> tuple[dict[str, str], dict[str, str]]:
    """The base's paths with the ids of what is there: files, and submodules."""
    out = git.run("Reading the base", "ls-files", "-z", "--stage")
    entries = [entry.split("\t", 1) for entry in out.split("\0") if entry]
    files: dict[str, str] = {}
    submodules: dict[str, str] = {}
    for head, path in entries:
        mode, object_id, _stage = head.split(" ")
        (submodules if mode == SUBMODULE else files)[path] = object_id
    return files, submodules


def _grown(git: Git, workspace: Path, tracked: Mapping[str, str]) -> Iterator[Finding]:
    """Files of the base that have become too large, by their size alone: they are not even read."""
    large = {path: size for path in tracked if (size := _size(workspace / path)) > LARGEST_FILE}
    before = blob_sizes(git, [tracked[path] for path in large])
    for path, size in large.items():
        if before.get(tracked[path]) != size:
            yield _too_large(path, size)


def _too_large(path: str, size: int) -> Finding:
    return Finding(path, None, "too large", f"its {size / 1e6:.0f} MB are more than 100 MB")


def _nested_in(workspace: Path, tracked: Iterable[str]) -> Iterator[Finding]:
    """Nested repositories in folders of the base: git passes over them in silence."""
    folders = {path.rpartition("/")[0] for path in tracked}
    folders |= {parent for folder in list(folders) for parent in _parents(folder)}
    for folder in sorted(folders - {""}):
        if (workspace / folder / ".git").is_symlink() or (workspace / folder / ".git").exists():
            yield Finding(f"{folder}/.git", None, "nested repository", _NESTED)


def _parents(folder: str) -> Iterator[str]:
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _unwanted(workspace: Path, others: Iterable[str]) -> Iterator[Finding]:
    for path in others:
        if path.endswith("/"):
            yield Finding(path.rstrip("/"), None, "nested repository", _NESTED)
        elif any(_imitates_git(part) for part in path.split("/")):
            yield Finding(path, None, "forbidden name", "its name imitates .git")
        elif (size := _size(workspace / path)) > LARGEST_FILE:
            yield _too_large(path, size)


def _imitates_git(part: str) -> bool:
    """Names that some file system takes for ``.git``: other case, short names, dots and spaces at the end."""
    plain = part.lower().rstrip(". ").split(":")[0]
    return plain == ".git" or (plain.startswith("git~") and plain[4:].isdigit())


def _size(path: Path) -> int:
    try:
        facts = path.lstat()
    except OSError:
        return 0
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0


def _add(git: Git, left_out: Iterable[str]) -> None:
    paths = [".", *(f":(exclude,literal,top){path}" for path in left_out)]
    listing = "".join(f"{path}\0" for path in paths).encode("utf-8", "surrogateescape")
    git.run("Adding the files", "add", "-A", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=listing)


def _count_lines(git: Git, base: str, tree: str, raw: tuple[RawChange, ...]) -> tuple[FileChange, ...]:
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
    return tuple(
        FileChange(_shown(change.path), change.status, *counts.get(change.path, (None, None)))
        for change in raw
    )


def _shown(path: str) -> str:
    """A path that every encoder takes: bytes that are no UTF-8 are replaced."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def copy_private(dot_git: Path, private_git: Path) -> None:
    """Take the copy of a fresh clone's ``.git`` that ``record_changes`` needs, before an agent starts."""
    shutil.copytree(dot_git, private_git, symlinks=True, ignore=shutil.ignore_patterns("hooks", "index"))
