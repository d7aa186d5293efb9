"""Earlier changes of an agent, put back into a fresh workspace: the counterpart of ``record_changes``."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stepherd.errors import NotFoundError
from stepherd.repositories.bundle import COMMITS_REF, KEPT_PREFIX, BundledWork, take_bundle
from stepherd.repositories.changes import borrow_objects
from stepherd.repositories.conversion import restore_unconverted
from stepherd.repositories.filtered import pointers_of
from stepherd.repositories.git import Git, Limits
from stepherd.repositories.gitlinks import SUBMODULE
from stepherd.repositories.lfs_pointer import Pointer
from stepherd.repositories.lfs_upload import FetchContent
from stepherd.repositories.raw_changes import RawChange, list_raw_changes
from stepherd.repositories.scratch import private_folder

__all__ = ["replay_changes"]

_NONE: Final = "000000"


def replay_changes(
    workspace: Path,
    private_git: Path,
    base_commit: str,
    bundle: Path,
    scratch: Path,
    fetch: FetchContent | None = None,
) -> None:
    """Change the files of ``workspace``, which are those of ``base_commit``, to those that the bundle holds.

    For its own ``.git`` the files look as if the agent had just written them; the other lines of work in the
    bundle are there below refs/stepherd, where the agent finds them, and the next recording, too. So this is
    for a workspace that no agent had yet. ``fetch`` gives contents of files in Git LFS; without one there
    are pointers. Raises DataError when the bundle is not acceptable.
    """
    with private_folder(scratch, "replay") as private:
        git = Git(private, private / "replay.git", limits=Limits(), place="the workspace")
        borrow_objects(git, private_git, base_commit)
        work = take_bundle(git, bundle, base_commit)
        _restore_lines(git.within(workspace / ".git"), bundle, base_commit, work)
        commit = work.most
        if commit is None:
            return
        within = git.within(git.git_dir, workspace)
        within.run("Reading the base", "read-tree", "--end-of-options", base_commit)
        within.run("Looking at the workspace", "update-index", "-q", "--refresh")
        # Git need not find the files as it would store them, which by their attributes they may not be.
        words = ("read-tree", "--reset", "-u", "--end-of-options", base_commit, commit)
        within.run("Restoring the changes", *words)
        restore_unconverted(within, workspace, base_commit, commit)
        changes = list_raw_changes(git, base_commit, commit)
        _restore_submodules(git.within(workspace / ".git", workspace), changes)
        if fetch is not None:
            for path, pointer in pointers_of(git, base_commit, commit, changes).items():
                _restore_content(workspace / path, pointer, fetch)


def _restore_submodules(own: Git, changes: Iterable[RawChange]) -> None:
    """Which commit a folder stands for is nowhere but in the index."""
    lines = [
        f"{int(each.mode, 8):o} {each.object_id}\t{each.path}\0"
        for each in changes
        if SUBMODULE in (each.old_mode, each.mode) and each.mode in (SUBMODULE, _NONE)
    ]
    listing = "".join(lines).encode("utf-8", "surrogateescape")
    if listing:
        words = ("update-index", "-z", "--add", "--replace", "--index-info")
        own.run("Restoring submodules", *words, stdin=listing)


def _restore_content(file: Path, pointer: Pointer, fetch: FetchContent) -> None:
    """In place of the pointer, which stays where the run has no such content."""
    content = file.with_name(f"{file.name}.{pointer.oid[:16]}.content")
    try:
        fetch(pointer.oid, content)
        content.chmod(stat.S_IMODE(file.stat().st_mode))
        content.replace(file)
    except NotFoundError:
        content.unlink(missing_ok=True)


def _restore_lines(own: Git, bundle: Path, base_commit: str, work: BundledWork) -> None:
    refs = {f"{KEPT_PREFIX}{name}": commit for name, commit in work.kept.items()}
    if work.commits is not None:
        refs[COMMITS_REF] = work.commits
    if refs:
        take_bundle(own, bundle, base_commit)
        lines = "".join(f"create {ref} {commit}\n" for ref, commit in refs.items())
        own.run("Restoring the lines of work", "update-ref", "--stdin", stdin=lines.encode())
