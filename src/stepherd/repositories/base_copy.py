"""The files of the base, from the objects that the clone handed over: git writes them faster than any archive
is unpacked, and they need not be packed, sent and removed before that.

Only the objects count. Others can write everything else in that ``.git``, so git runs in a repository of its
own here, with its own configuration.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from stepherd.errors import DataError
from stepherd.remedies import Remedy
from stepherd.repositories.changes import borrow_objects
from stepherd.repositories.git import Git, Limits
from stepherd.repositories.refs import is_commit_id
from stepherd.repositories.scratch import private_folder
from stepherd.repositories.tree_size import check_tree_size
from stepherd.repositories.unpack import UnpackLimits

__all__ = ["has_no_files", "write_files"]

LIMITS: Final = UnpackLimits()
_AGAIN: Final = ("Start again with: ", ("run",))
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def has_no_files(workspace: Path) -> bool:
    """Whether there is nothing but ``.git`` in it: an earlier version's clone, and one with submodules, have
    their files in the archive."""
    with os.scandir(workspace) as entries:
        return all(entry.name == ".git" for entry in entries)


def write_files(workspace: Path, private_git: Path, base_commit: str, scratch: Path) -> None:
    """Write the files of ``base_commit`` into ``workspace``, and the index that goes with them.

    ``private_git`` is the copy of its ``.git``. The files are as ``git checkout`` would write them: with the
    conversions that their attributes ask for, and no filter. Raises DataError for a tree that is too large,
    and the errors of ``failures``.
    """
    if not is_commit_id(base_commit):
        raise DataError("The base commit of the workspace is not a full commit id.")
    with private_folder(scratch, "files") as private:
        git = Git(private, private / "files.git", limits=Limits(), place="the workspace")
        borrow_objects(git, private_git, base_commit)
        check_tree_size(git, base_commit, workspace, LIMITS, stored_in=private_git)
        try:
            folder = os.open(workspace / ".git", _FOLDER)
        except OSError:
            raise DataError(
                "The clone's .git is not a folder, or leads elsewhere.", remedy=Remedy(*_AGAIN)
            ) from None
        try:
            within = git.within(git.git_dir, workspace)
            within.run("Checking out", "read-tree", "--reset", "-u", "--end-of-options", base_commit)
            os.replace(git.git_dir / "index", "index", dst_dir_fd=folder)
        finally:
            os.close(folder)
