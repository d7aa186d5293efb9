"""Work of an agent beside the files that it left: commits on other branches, in linked worktrees, stashed, or
known to a reflog alone, or to nothing.

The agent's ``.git`` is read as data (``agent_objects``, ``agent_refs``) into a quarantine of our own, and
from there what is sound comes into the repository of the recording (``agent_transfer``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from stepherd.errors import DataError, StepherdError
from stepherd.repositories.agent_commits import (
    Commit,
    in_order,
    own_commits,
    read_commits,
    read_commits_named,
    tips_of,
)
from stepherd.repositories.agent_objects import ImportLimits, bring_in
from stepherd.repositories.agent_refs import AgentRefs, Name, read_refs
from stepherd.repositories.agent_transfer import Transfer
from stepherd.repositories.agent_worktrees import Folders, Snapshot, inside_workspace, record_worktrees
from stepherd.repositories.git import Git, create_repository
from stepherd.repositories.large_files import blob_sizes
from stepherd.repositories.paths import parents
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.repositories.scan import LARGEST_FILE
from stepherd.repositories.untrusted import UntrustedFolder, open_untrusted
from stepherd.text.plain import one_paragraph

__all__ = ["AgentWork", "Line", "expect_committed", "read_agent_work"]

_ORDER: Final = ("branch", "worktree", "stash", "head", "ref", "reflog", "")
_GITLINK: Final = "160000"
_UNNAMED: Final = Name("", "a commit that nothing names")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of work by its last commit, which no other commit of the agent's builds upon."""

    tip: Commit
    name: Name


@dataclass(slots=True)
class AgentWork:
    """``lines`` begin with the most telling names; ``commits`` are all that the agent made, by their ids
    here; ``head`` is the one that HEAD leads to, ``worktrees`` are paths in the workspace, ``notes`` say
    what was lost."""

    lines: list[Line] = field(default_factory=list)
    commits: dict[str, Commit] = field(default_factory=dict)
    head: Commit | None = None
    worktrees: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    """The ids that commits had in the agent's repository, and the base's."""

    def history(self, tip: Commit) -> list[Commit]:
        """The agent's commits from the oldest to ``tip``."""
        found: dict[str, Commit] = {}
        waiting = [tip.id]
        while waiting:
            name = waiting.pop()
            if name in self.commits and name not in found:
                found[name] = self.commits[name]
                waiting.extend(found[name].parents)
        return in_order(found)


def read_agent_work(
    git: Git,
    workspace: Path,
    private_git: Path,
    base_commit: str,
    *,
    folders: Folders,
    snapshot: Snapshot,
    limits: ImportLimits | None = None,
) -> AgentWork:
    """Read the repository that an agent left in ``workspace`` into that of ``git``, which has the base.

    ``private_git`` is the copy from before the agent. Whatever state the agent's repository is in, this
    returns: what could not be read is in the notes.
    """
    work = AgentWork()
    try:
        with open_untrusted(workspace / ".git") as folder:
            _read(_Reading(git, workspace, private_git, base_commit, folders, snapshot), folder, limits, work)
    except FileNotFoundError:
        work.notes.append("The agent removed the folder .git: its commits there are lost.")
    except (OSError, StepherdError) as error:
        what = error.message if isinstance(error, StepherdError) else (error.strerror or str(error))
        work.notes.append(f"The agent's .git could not be read, so only its files are kept: {what}")
    work.notes = [one_paragraph(note, 600) for note in dict.fromkeys(work.notes)]
    return work


@dataclass(frozen=True, slots=True)
class _Reading:
    git: Git
    workspace: Path
    private_git: Path
    base_commit: str
    folders: Folders
    snapshot: Snapshot


def _read(at: _Reading, folder: UntrustedFolder, limits: ImportLimits | None, work: AgentWork) -> None:
    refs = read_refs(folder)
    work.notes += refs.notes
    refs.notes = work.notes
    work.worktrees = inside_workspace(refs, at.folders, at.workspace)
    own = replace(at.git, limits=at.git.limits.of_hostile())
    git = own.within(at.git.scratch / "agent.git")
    create_repository(git, commit_id=at.base_commit)
    with folder.folder("objects") as objects:
        before = at.private_git / "objects"
        work.notes += bring_in(objects, git, before, len(at.base_commit), limits or ImportLimits())
    commits = read_commits(git, work.notes) if _has_objects(git) else {}
    _note_missing(refs, {*commits, at.base_commit}, work.notes)
    if not commits and not refs.worktrees:
        return
    _lean_on(git, at.private_git, at.base_commit)
    base = read_commits_named(git, [at.base_commit]).get(at.base_commit)
    if base is None:
        raise DataError("The copy of the repository has no base commit.")
    # The copy was taken just before the agent began.
    made = own_commits(commits, base, refs.fetched, int(at.private_git.stat().st_mtime))
    made |= record_worktrees(git, refs, commits, made, base, at.folders, at.snapshot)
    transfer = Transfer(git, own, at.base_commit, work.notes)
    transfer.bring(made)
    work.commits = transfer.commits
    work.known = {*commits, at.base_commit}
    work.head = work.commits.get(transfer.ids.get(refs.head or "", ""))
    work.lines = sorted(_lines(refs, transfer), key=lambda line: _ORDER.index(line.name.kind))


def _has_objects(git: Git) -> bool:
    objects = git.git_dir / "objects"
    return any(path.name not in {"info", "pack"} for path in objects.iterdir()) or any(
        (objects / "pack").glob("*.pack")
    )


def _lean_on(git: Git, private_git: Path, base_commit: str) -> None:
    """Let the quarantine see the base, and nothing behind it."""
    info = git.git_dir / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_bytes(os.fsencode(private_git.absolute() / "objects") + b"\n")
    (git.git_dir / "shallow").write_text(f"{base_commit}\n", encoding="ascii")


def _lines(refs: AgentRefs, transfer: Transfer) -> Iterator[Line]:
    before: dict[str, list[str]] = {}
    for old, new in transfer.ids.items():
        before.setdefault(new, []).append(old)
    for tip in tips_of(transfer.commits):
        names = [name for old in before.get(tip.id, [tip.id]) for name in refs.names.get(old, ())]
        yield Line(tip, min(names, key=lambda name: _ORDER.index(name.kind), default=_UNNAMED))


def _note_missing(refs: AgentRefs, known: set[str], notes: list[str]) -> None:
    """Names of the agent's that lead to nothing which was read."""
    for object_id, names in sorted(refs.names.items()):
        telling = [name for name in names if name.kind in {"branch", "stash", "head", "worktree"}]
        if telling and object_id not in known and object_id not in refs.fetched and len(notes) < 50:
            notes.append(
                f"The {telling[0].kind} {telling[0].text} leads to {object_id[:12]}, which is no commit "
                "that could be read."
            )


def expect_committed(git: Git, workspace: Path, base: str, work: AgentWork) -> frozenset[str]:
    """Put what the agent's HEAD has more than the base into the index: then its files count as asked for,
    whether git would ignore them or not. Their contents are read from the workspace. Returns their paths."""
    if work.head is None:
        return frozenset()
    added = [change for change in list_raw_changes(git, base, work.head.id) if change.status == "A"]
    sizes = blob_sizes(git, [change.object_id for change in added])
    taken = {path for path in git.run("Reading the base", "ls-files", "-z").split("\0") if path}
    folders = {parent for path in taken for parent in parents(path)}
    expected = [
        change
        for change in added
        if change.mode != _GITLINK
        and os.path.lexists(workspace / change.path)
        and sizes.get(change.object_id, 0) <= LARGEST_FILE
        and change.path not in folders
        and not any(parent in taken for parent in parents(change.path))
    ]
    lines = (f"{change.mode} {change.object_id}\t{change.path}\0" for change in expected)
    listing = "".join(lines).encode("utf-8", "surrogateescape")
    git.run("Reading the agent's commits", "update-index", "-z", "--add", "--index-info", stdin=listing)
    return frozenset(change.path for change in expected)
