"""Changes of a work tree that are not committed, which a clone of its repository leaves behind."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from stepherd.errors import StepherdError
from stepherd.repositories.git import Git
from stepherd.repositories.local import open_local
from stepherd.repositories.own import own_home
from stepherd.text.enumeration import first_of
from stepherd.text.plain import one_paragraph

__all__ = ["uncommitted", "uncommitted_remark"]

_SECONDS: Final = 3.0
_LARGEST_INDEX: Final = 64 << 20
_SHOWN: Final = 3


def uncommitted(folder: Path, scratch: Path) -> tuple[str, ...]:
    """The paths below ``folder``, the top of a repository, that are changed or new and not committed.

    A folder of new files is one path. Git compares from a view of the repository, with a copy of its index:
    nothing that the repository names is run, and nothing in it is written (decision 0010). Empty for a bare
    repository, and where it cannot be told within three seconds: it is a courtesy, no reason to fail.
    """
    try:
        return _paths(folder, scratch)
    except (StepherdError, OSError):
        return ()


def uncommitted_remark(paths: tuple[str, ...], folder: Path) -> str:
    """One sentence for the person who starts a run; empty without ``paths``."""
    if not paths:
        return ""
    shown = first_of(paths, _SHOWN, lambda path: one_paragraph(path, 60))
    verb = "is" if len(paths) == 1 else "are"
    return f"{shown} in {folder} {verb} not committed, so the run does not have what changed there."


def _paths(folder: Path, scratch: Path) -> tuple[str, ...]:
    git = Git(scratch, scratch / "view")
    git = replace(git, limits=replace(git.limits, local_seconds=_SECONDS))
    local = open_local(folder, git)
    index = local.git_dir / "index"
    if local.git_dir == folder or not index.is_file() or index.stat().st_size > _LARGEST_INDEX:
        return ()
    local.make_view(git.git_dir, for_push=False)
    (git.git_dir / "info").mkdir()
    (git.git_dir / "info" / "exclude").symlink_to(local.common_dir / "info" / "exclude")
    copy = scratch / "index"
    shutil.copyfile(index, copy)
    listing = replace(git, work_tree=folder).run(
        "Comparing",
        "-c",
        f"core.excludesFile={_own_excludes(git)}",
        "status",
        "--porcelain",
        "-z",
        "--no-renames",
        "--ignore-submodules=all",
        environment={"GIT_INDEX_FILE": str(copy)},
    )
    return tuple(entry[3:] for entry in listing.split("\0") if entry)


def _own_excludes(git: Git) -> Path:
    """The person's own list of files that no repository wants, such as .DS_Store."""
    home = own_home()
    usual = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "ignore"
    file = home / ".gitconfig"
    if not file.is_file() or b"excludesfile" not in file.read_bytes().lower():
        return usual  # Most say nothing of it: git need not be started to read that.
    named = git.attempt("Reading", "config", "--file", str(file), "--get", "core.excludesFile")
    text = os.fsdecode(named.out).strip()
    return home / text.removeprefix("~/") if text else usual
