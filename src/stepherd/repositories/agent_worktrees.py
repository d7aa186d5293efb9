"""Linked worktrees of an agent's repository: what lies in them and was not committed (git-worktree)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from stepherd.errors import StepherdError
from stepherd.repositories.agent_commits import Commit
from stepherd.repositories.agent_refs import AgentRefs, Name, Worktree
from stepherd.repositories.agent_transfer import make_commit
from stepherd.repositories.git import Git
from stepherd.repositories.scratch import private_folder
from stepherd.repositories.untrusted import open_untrusted

__all__ = ["Folders", "Snapshot", "inside_workspace", "record_worktrees"]

Snapshot = Callable[[Git, Path, str], tuple[str, list[str]]]
"""The tree of a folder's files, recorded upon a commit, and the paths that were left out."""
Folders = Mapping[str, Path]
"""The agent's folders: as it sees them, and where they are."""
_GITFILE: Final = 4096


def locate(worktree: Worktree, folders: Folders) -> Path | None:
    """Where the worktree lies, when that is in one of the agent's folders and no link is on the way."""
    for _, real, parts in _places(worktree, folders):
        if _leads_to(real, parts, worktree.name):
            return real.joinpath(*parts)
    return None


def _is_gone(worktree: Worktree, folders: Folders) -> bool:
    """Whether it lay in a folder that is the agent's by that very path, and is there no more. Of no other
    path is it looked whether there is anything: by the report the agent would learn it."""
    for seen, real, parts in _places(worktree, folders):
        if seen == os.path.realpath(real):
            try:
                _leads_to(real, parts, worktree.name, missing_is_said=True)
            except FileNotFoundError:
                return True
    return False


def _places(worktree: Worktree, folders: Folders) -> Iterator[tuple[str, Path, tuple[str, ...]]]:
    """The agent's folders that its path is in: as the agent sees them, where they are, and the rest of it."""
    for seen, real in folders.items():
        with suppress(ValueError):
            parts = PurePosixPath(worktree.path).relative_to(seen).parts
            if parts and ".." not in parts:
                yield seen, real, parts


def _leads_to(root: Path, parts: Sequence[str], name: str, *, missing_is_said: bool = False) -> bool:
    """Whether the ``.git`` that lies there is a file which leads to the worktree of that name. Raises
    FileNotFoundError when it is missing and ``missing_is_said``."""
    try:
        with ExitStack() as stack:
            folder = stack.enter_context(open_untrusted(root))
            for part in parts:
                folder = stack.enter_context(folder.folder(part))
            text = folder.read(".git", _GITFILE).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        if missing_is_said:
            raise
        return False
    except OSError:
        return False
    return text.startswith("gitdir:") and text.strip().endswith(f"/worktrees/{name}")


def inside_workspace(refs: AgentRefs, folders: Folders, workspace: Path) -> list[str]:
    """The paths in ``workspace`` at which linked worktrees lie: they are no part of its tree."""
    found = (locate(worktree, folders) for worktree in refs.worktrees)
    return [
        str(path.relative_to(workspace))
        for path in found
        if path is not None and path.is_relative_to(workspace)
    ]


@dataclass(frozen=True, slots=True)
class _Recorder:
    git: Git
    known: Mapping[str, Commit]
    """Every commit of the agent's repository."""
    own: Mapping[str, Commit]
    base: Commit
    folders: Folders
    snapshot: Snapshot
    notes: list[str]

    def record(self, worktree: Worktree) -> Commit | None:
        path = locate(worktree, self.folders)
        if path is None:
            if worktree.path and not _is_gone(worktree, self.folders):
                self.notes.append(
                    f"The worktree {worktree.name} at {worktree.path} is not in the run's folders: "
                    "only its commits are kept."
                )
            return None
        before = self.known.get(worktree.commit or "", self.base)
        tree, left_out = self._tree(path, before)
        if left_out:
            self.notes.append(f"Left out of the worktree {worktree.name}: {', '.join(left_out[:10])}.")
        if tree == before.tree:
            return None
        subject = f"Uncommitted files of the worktree {worktree.name}"
        parent = before if before.id in self.own else self.base
        made = make_commit(self.git, tree, [parent.id], subject, parent.when)
        return Commit(made, tree, (parent.id,), parent.when, subject)

    def _tree(self, path: Path, before: Commit) -> tuple[str, list[str]]:
        try:
            return self._snapshot(path, before.id)
        except StepherdError:
            # Commits there may be damaged; the files are not.
            return self._snapshot(path, self.base.id)

    def _snapshot(self, path: Path, commit: str) -> tuple[str, list[str]]:
        with private_folder(self.git.scratch, "worktree") as scratch:
            return self.snapshot(replace(self.git, scratch=scratch), path, commit)


def record_worktrees(
    git: Git,
    refs: AgentRefs,
    known: Mapping[str, Commit],
    own: Mapping[str, Commit],
    base: Commit,
    folders: Folders,
    snapshot: Snapshot,
) -> dict[str, Commit]:
    """A commit for each linked worktree whose files are not those of its HEAD; ``refs`` learn their names."""
    recorder = _Recorder(git, known, own, base, folders, snapshot, refs.notes)
    made: dict[str, Commit] = {}
    for worktree in refs.worktrees:
        try:
            commit = recorder.record(worktree)
        except (StepherdError, OSError) as error:
            refs.notes.append(f"The files of the worktree {worktree.name} could not be recorded: {error}")
            continue
        if commit is not None:
            made[commit.id] = commit
            refs.names[commit.id] = [Name("worktree", f"worktree {worktree.name}")]
    return made
