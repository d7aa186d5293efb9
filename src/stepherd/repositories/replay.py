"""Earlier changes of an agent, put back into a fresh workspace: the counterpart of ``record_changes``."""

from __future__ import annotations

from pathlib import Path

from stepherd.repositories.bundle import COMMITS_REF, KEPT_PREFIX, BundledWork, take_bundle
from stepherd.repositories.changes import borrow_objects
from stepherd.repositories.conversion import restore_unconverted
from stepherd.repositories.git import Git, Limits
from stepherd.repositories.scratch import private_folder

__all__ = ["replay_changes"]


def replay_changes(workspace: Path, private_git: Path, base_commit: str, bundle: Path, scratch: Path) -> None:
    """Change the files of ``workspace``, which are those of ``base_commit``, to those that the bundle holds.

    For its own ``.git`` the files look as if the agent had just written them; the other lines of work in the
    bundle are there below refs/stepherd, where the agent finds them, and the next recording, too. So this is
    for a workspace that no agent had yet. Raises DataError when the bundle is not acceptable.
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


def _restore_lines(own: Git, bundle: Path, base_commit: str, work: BundledWork) -> None:
    refs = {f"{KEPT_PREFIX}{name}": commit for name, commit in work.kept.items()}
    if work.commits is not None:
        refs[COMMITS_REF] = work.commits
    if refs:
        take_bundle(own, bundle, base_commit)
        lines = "".join(f"create {ref} {commit}\n" for ref, commit in refs.items())
        own.run("Restoring the lines of work", "update-ref", "--stdin", stdin=lines.encode())
