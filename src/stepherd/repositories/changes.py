"""An agent's changes, as one commit on the base, in a bundle (facts/git-and-secrets.md 2).

The agent owns its workspace and the ``.git`` in it, so neither that ``.git`` nor any configuration is used: a
new repository is made, borrows the objects of the copy that was taken before the agent started, and looks at
the workspace as a plain tree of files. Commits that the agent made beside that tree are read as data
(``agent_work``) and go into the bundle under names of their own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stepherd.errors import DataError, NotFoundError, StepherdError
from stepherd.repositories.agent_lines import KeptLine, OtherWork, settle_lines
from stepherd.repositories.agent_work import AgentWork, expect_committed, read_agent_work
from stepherd.repositories.agent_worktrees import Folders
from stepherd.repositories.automation import Automation
from stepherd.repositories.blemishes import find_blemishes
from stepherd.repositories.bundle import ALL_REF, CHANGES_REF, COMMITS_REF, KEPT_PREFIX, write_bundle
from stepherd.repositories.commit_plan import Judge, objection_to
from stepherd.repositories.content_scan import secret_in
from stepherd.repositories.conversion import added_safely, settle_conversions
from stepherd.repositories.filtered import Content, Filtered, open_inside, plan_filtered, pointers_of
from stepherd.repositories.git import Git, Limits, create_repository
from stepherd.repositories.gitlinks import SUBMODULE, Gitlinks, new_commits, plan_gitlinks
from stepherd.repositories.kept_scan import warn_of_kept
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.lfs_contents import select_contents
from stepherd.repositories.odd_files import OddFiles, settled
from stepherd.repositories.parting import Rules
from stepherd.repositories.push_room import fit_into_push
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.repositories.recorded import IDENTITY, FileChange, commit_parted, count_lines
from stepherd.repositories.refs import is_commit_id
from stepherd.repositories.refused_files import set_aside_refused
from stepherd.repositories.safe_add import add_all
from stepherd.repositories.scan import Finding
from stepherd.repositories.scratch import private_folder
from stepherd.repositories.set_aside import Aside, add_aside, look_aside
from stepherd.repositories.submodule_work import keep_submodule_work
from stepherd.text.plain import one_paragraph

__all__ = ["Changes", "FileChange", "borrow_objects", "copy_private", "record_changes"]

_REFUSED: Final = "Files that git refuses under their names"


@dataclass(frozen=True, slots=True)
class Changes:
    """The agent's work that is pushed: files, tree, and the commit in the bundle (None: there is none)."""

    files: tuple[FileChange, ...]
    tree: str
    commit: str | None
    automation: tuple[Automation, ...] = ()
    notes: tuple[str, ...] = ()
    """Remarks on the changes, for whoever reads them."""
    other: OtherWork | None = None
    """Work that the agent committed, stashed or left in linked worktrees beside it."""
    ignored: tuple[str, ...] = ()
    """Paths of new files that git ignores; only looked for where nothing changed."""
    left_out: tuple[Finding, ...] = ()
    everything: str | None = None
    """The commit in the bundle that also has what was left out; None where nothing of that can be kept."""


def record_changes(
    workspace: Path,
    private_git: Path,
    base_commit: str,
    bundle: Path,
    scratch: Path,
    *,
    known_secrets: Iterable[str] = (),
    refuse_automation: bool = False,
    allow: Sequence[str] = (),
    limits: Limits | None = None,
    keep: Callable[[Content], None] = lambda _content: None,
    folders: Folders | None = None,
    keep_commits: bool = False,
) -> Changes:
    """Record ``workspace`` as one commit on ``base_commit`` and write it to ``bundle``.

    ``private_git`` is a copy of the clone's ``.git`` from before the agent started; of it, only the objects
    are used. Files that git ignores are left out, unless the agent's HEAD has them. Commits that the agent
    made beside these files are in the bundle, too; where the files are those of the base, and there is only
    one line of work, that is recorded instead. Without any of it no bundle is written. ``folders`` are the
    agent's, as it sees them and where they are (default: the workspace alone). ``keep`` gets each content
    that belongs into Git LFS and must be taken along.

    ``known_secrets`` are the run's own; ``refuse_automation`` also refuses what ``find_automation`` names;
    ``allow`` are patterns of paths that a person lets through; with ``keep_commits`` the agent's commits are
    judged one by one. Content that must not be pushed is left out of the changes; the bundle holds it all the
    same, as far as git can hold it and there is room (``set_aside``).
    """
    if not is_commit_id(base_commit):
        raise DataError("The base commit of the workspace is not a full commit id.")
    if not (private_git / "objects").is_dir():
        raise NotFoundError(f"There is no copy of the repository at {private_git}.")
    if not workspace.is_dir() or workspace.is_symlink():
        raise DataError(
            f"The workspace {workspace} is gone or is not a folder.", remedy="Run the agent again."
        )
    with private_folder(scratch, "record") as private:
        git = Git(private, private / "record.git", limits=limits or Limits(), place="the workspace")
        borrow_objects(git, private_git, base_commit)
        rules = Rules(KnownSecrets(known_secrets), refuse_automation, tuple(allow))
        scan = _Scan(rules, private_git, keep_commits)
        places = folders or {os.path.realpath(workspace): workspace}
        within = git.within(git.git_dir, workspace)
        with settled(workspace, private / "aside") as odd:
            work = read_agent_work(
                git, workspace, private_git, base_commit, folders=places, snapshot=_snapshot
            )
            return _record(within, odd, base_commit, bundle, scan, work, keep)


@dataclass(frozen=True, slots=True)
class _Scan:
    """The rules for judging changes, and the copy of the clone that they are compared with."""

    rules: Rules
    private_git: Path
    keep_commits: bool = False


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
    odd: OddFiles,
    base_commit: str,
    bundle: Path,
    scan: _Scan,
    work: AgentWork,
    keep: Callable[[Content], None],
) -> Changes:
    rules, workspace = scan.rules, odd.workspace
    files = _take_files(git, odd, base_commit, work, rules)
    other = _settled(git, work, base_commit, files.tree, scan)
    tree, no_room = fit_into_push(git, base_commit, other.tree)
    other = replace(other, tree=tree)
    everything, findings = add_aside(git, workspace, other.tree, files.apart)
    parted = rules.part(git, base_commit, other.tree)
    raw = parted.changes
    pointers = pointers_of(git, base_commit, parted.tree, raw).values()
    contents, left_behind = select_contents(
        workspace, files.filtered.contents, pointers, files.filtered.known
    )
    unsafe = [*_kept_contents(workspace, contents, rules.known, keep)]
    inside = keep_submodule_work(git, workspace, scan.private_git, base_commit, files.gitlinks.filled)
    kept = inside.commits | files.kept
    refs = {**other.refs, **{f"{KEPT_PREFIX}{name}": commit for name, commit in kept.items()}}
    refs |= commit_parted(git, base_commit, parted, everything)
    lines = warn_of_kept(git, base_commit, _lines_of(kept, inside.paths), rules.known)
    if refs:
        write_bundle(git, base_commit, refs, bundle)
    hidden = rules.own_secrets(git, base_commit, everything) if files.apart else ()
    notes = (
        *inside.notes,
        *new_commits(raw),
        *([left_behind] if left_behind else []),
        *unsafe,
        *rules.unfiltered(git, base_commit, parted.tree, raw),
        *find_blemishes(git, base_commit, parted.tree, raw),
        *odd.notes,
    )
    return Changes(
        count_lines(git, base_commit, parted.tree, raw),
        parted.tree,
        refs.get(CHANGES_REF),
        parted.automation,
        notes,
        replace(other, tree=parted.tree, kept=(*other.kept, *lines.kept)),
        () if raw else _ignored(git, work.worktrees),
        rules.named((*findings, *no_room, *files.refused, *parted.left_out, *hidden)),
        refs.get(ALL_REF),
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """The workspace as a tree, what is not in it, and what of it belongs into Git LFS."""

    tree: str
    apart: Sequence[Aside]
    refused: Sequence[Finding]
    filtered: Filtered
    gitlinks: Gitlinks
    kept: dict[str, str]
    """Commits that are kept beside it, by their names."""


def _take_files(git: Git, odd: OddFiles, base_commit: str, work: AgentWork, rules: Rules) -> _Files:
    workspace = odd.workspace
    git.run("Reading the base", "read-tree", "--end-of-options", base_commit)
    expected = expect_committed(git, workspace, base_commit, work)
    found = _inspect(git, odd, base_commit, work.worktrees, work.known)
    of_base = {path: blob for path, blob in found.tracked.items() if path not in expected}
    filtered = plan_filtered(git, workspace, of_base, [*found.others, *expected])
    filtered.enter(git)
    asides = [each for each in found.asides if each.finding.path not in filtered.entries]
    allowed = [each for each in asides if rules.allows(each.finding)]
    apart = [each for each in asides if not rules.allows(each.finding)]
    # Git adds no files of a nested repository by itself.
    nested = [each for each in allowed if each.finding.what == "nested repository"]
    with added_safely(git, found.large):
        left_out = [*(each.finding.path for each in (*apart, *nested)), *found.gitlinks.apart]
        not_added = add_all(git, left_out)
    settle_conversions(git, workspace, base_commit, found.large)
    odd.lists.enter(git, {*found.tracked, *found.others})
    found.gitlinks.enter(git)
    filtered.enter(git)
    tree = git.run("Writing the tree", "write-tree")
    refused, kept = _without_refused(git, base_commit, tree)
    if kept:
        tree = git.run("Writing the tree", "write-tree")
    tree, said = add_aside(git, workspace, tree, nested)
    expected_words = {each.finding for each in nested}
    refused += [finding for finding in said if finding not in expected_words]
    refused += not_added
    return _Files(tree, apart, refused, filtered, found.gitlinks, kept)


def _without_refused(git: Git, base_commit: str, tree: str) -> tuple[list[Finding], dict[str, str]]:
    """Set aside what git itself refuses; the commits that keep it, by their names."""
    refused = set_aside_refused(git, list_raw_changes(git, base_commit, tree), base_commit)
    if refused.kept is None:
        return [], {}
    findings = [Finding(path, None, "submodule", reason) for path, reason in refused.reasons.items()]
    words = ("commit-tree", "-p", base_commit, "-m", _REFUSED, refused.kept)
    kept = git.run("Keeping files", *words, environment=IDENTITY)
    return findings, {"refused": kept}


def _kept_contents(
    workspace: Path, contents: Iterable[Content], known: KnownSecrets, keep: Callable[[Content], None]
) -> Iterator[str]:
    """Take the contents of Git LFS along, but for those that hold a secret, which are named: without its
    content a pointer is not pushed."""
    for content in contents:
        file = open_inside(workspace, content.path)
        if file is None:
            continue
        with file:
            found = secret_in(file, known)
        if found is None:
            keep(content)
        else:
            path = known.mask(one_paragraph(content.path, 200))
            yield f"{path} is left out: its content for Git LFS contains {found}."


def _lines_of(kept: Mapping[str, str], submodules: Mapping[str, str]) -> OtherWork:
    lines = []
    for name, commit in kept.items():
        path = submodules.get(name)
        subject = _REFUSED if path is None else f"Work inside the submodule {path}"
        lines.append(
            KeptLine(name, commit, subject, "the files" if path is None else f"submodule {path}", False)
        )
    return OtherWork("", {}, tuple(lines))


def _settled(git: Git, work: AgentWork, base: str, tree: str, scan: _Scan) -> OtherWork:
    """Decide about the agent's commits. An error here becomes a note: the files are recorded in any case."""
    try:
        other = settle_lines(git, work, base, tree, is_secret=scan.rules.known.held_by)
        other = warn_of_kept(git, base, other, scan.rules.known)
        if scan.keep_commits and COMMITS_REF in other.refs:
            judge = Judge(git, scan.rules)
            other = replace(other, unfit=objection_to(judge, base, other.refs[COMMITS_REF]))
    except StepherdError as error:
        note = f"The agent's other commits could not be kept: {error.message}"
        return OtherWork(tree, {}, notes=(*work.notes, note))
    return other


def _ignored(git: Git, worktrees: Iterable[str]) -> tuple[str, ...]:
    """Files and whole folders that git ignores."""
    listing = ("--others", "--ignored", "--exclude-standard", "--directory")
    out = git.run("Looking for ignored files", "ls-files", "-z", *listing)
    return tuple(
        path
        for path in out.split("\0")
        if path and not any(f"{tree}/".startswith(path) for tree in worktrees)
    )


def _snapshot(git: Git, folder: Path, commit: str) -> tuple[str, list[str]]:
    """The tree of the files in a linked worktree, which stands on ``commit``, and what is not in it."""
    within = git.within(git.git_dir, folder)
    within.run("Reading a commit", "read-tree", "--end-of-options", commit)
    with settled(folder, git.scratch / "aside") as odd:
        found = _inspect(within, odd, commit)
        filtered = plan_filtered(within, folder, found.tracked, found.others)
        # A new content of Git LFS is kept as it is: only the workspace's own travel beside the bundle.
        known = {path: each for path, each in filtered.entries.items() if each[1] == found.tracked.get(path)}
        filtered = replace(filtered, entries=known)
        filtered.enter(within)
        left_out = [each.finding.path for each in found.asides]
        with added_safely(within, found.large):
            not_added = add_all(within, [*left_out, *found.gitlinks.apart])
        settle_conversions(within, folder, commit, found.large)
        odd.lists.enter(within, {*found.tracked, *found.others})
        filtered.enter(within)
    return within.run("Writing the tree", "write-tree"), [*left_out, *(each.path for each in not_added)]


@dataclass(frozen=True, slots=True)
class _Found:
    """The base's files and the new ones, what must stay out, what becomes of submodules, and files that are
    too large to be converted, which git does in memory."""

    tracked: Mapping[str, str]
    others: Sequence[str]
    asides: Sequence[Aside]
    gitlinks: Gitlinks
    large: Sequence[str]


def _inspect(
    git: Git, odd: OddFiles, base: str, worktrees: Iterable[str] = (), own: Container[str] = ()
) -> _Found:
    workspace = odd.workspace
    tracked, submodules = _tracked(git)
    gitlinks = plan_gitlinks(git, workspace, base, submodules)
    gitlinks.take_away(git)
    others = odd.list_new(git, tracked)
    odd_ones = odd.judge(git, tracked, others, [*gitlinks.apart, *worktrees])
    # Git refuses to be told to leave out what it ignores.
    linked = [path for path in worktrees if any(other.startswith(f"{path}/") for other in others)]
    # A commit of the agent's own stands for no submodule: a worktree was added by mistake.
    entries = {path: commit for path, commit in gitlinks.entries.items() if commit not in own}
    gitlinks = replace(gitlinks, apart=(*gitlinks.apart, *linked), entries=entries)
    known = {each.finding.path for each in odd_ones}
    others_aside = look_aside(git, workspace, tracked, others, gitlinks.apart, odd.large)
    asides = [*odd_ones, *(each for each in others_aside if each.finding.path not in known)]
    of_repository = {*tracked, *others} if odd.large else frozenset[str]()
    large = [path for path in odd.large if path in of_repository]
    return _Found(tracked, others, asides, gitlinks, large)


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


def copy_private(dot_git: Path, private_git: Path) -> None:
    """Take the copy of a fresh clone's ``.git`` that ``record_changes`` needs, before an agent starts."""
    shutil.copytree(dot_git, private_git, symlinks=True, ignore=shutil.ignore_patterns("hooks", "index"))
    # The agent's commits are younger than this time.
    os.utime(private_git)
