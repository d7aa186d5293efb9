"""From an agent's bundle to a branch on the remote, proven.

A fresh repository, the base by its id, the bundle checked object by object, one commit made from the
bundle's tree with ``commit-tree`` (no checkout: no filter or attribute ever runs), or the agent's own commits
made again in the same way (``commit_plan``), a push of exactly that to exactly that branch, never by force,
and then the remote is asked what it has (``delivery``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Literal

from stepherd.errors import DataError, NotFoundError, StepherdError, UsageError
from stepherd.remedies import RUN, Remedy
from stepherd.repositories.address import Repository
from stepherd.repositories.branch_room import BranchTaken, branch_refs, check_room
from stepherd.repositories.bundle import BundledWork, take_bundle
from stepherd.repositories.commit_plan import (
    CommitPlan,
    Judge,
    PlannedCommit,
    Signature,
    as_one,
    keep_commits,
)
from stepherd.repositories.credentials import Access, GitCredentials
from stepherd.repositories.delivery import Delivery, PushFacts
from stepherd.repositories.git import Git, Limits, create_repository
from stepherd.repositories.handed_base import FetchArchive, take_handed
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.left_out import leave_out
from stepherd.repositories.lfs_upload import FetchContent, upload_contents
from stepherd.repositories.message import clean_message, partial_message
from stepherd.repositories.parting import Rules
from stepherd.repositories.raw_changes import RawChange, list_raw_changes
from stepherd.repositories.refs import check_branch, is_commit_id
from stepherd.repositories.remote import Base, open_remote
from stepherd.repositories.retries import PAUSES, retrying
from stepherd.repositories.scan import ChangesBlocked, Finding
from stepherd.repositories.scratch import private_folder

__all__ = ["BranchTaken", "Commits", "Manner", "PushFacts", "base_named", "push_bundle"]

Commits = Literal["one", "keep"]
"""Whether what is pushed is one commit, or the agent's own."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the work of a bundle is pushed. ``last_message`` changes the message of the agent's last commit."""

    commits: Commits = "one"
    last_message: Callable[[str], str] = str
    kept: str | None = None
    """The line of work in the bundle that is taken instead of the changes."""
    warn: Callable[[tuple[Finding, ...]], None] | None = None
    """Told what would otherwise be left out: for a person's own clone."""
    everything: bool = False
    """Whether what the bundle holds beside its changes goes along: for that clone alone, too."""


ONE_COMMIT: Final = Manner()


def push_bundle(
    repository: Repository,
    bundle: Path,
    *,
    base_commit: str,
    base_ref: str,
    branch: str,
    message: str,
    author_name: str,
    author_email: str,
    when: datetime,
    credentials: GitCredentials,
    scratch: Path,
    allow_default_branch: bool = False,
    run_id: str | None = None,
    known_secrets: Iterable[str] = (),
    refuse_automation: bool = False,
    allow: Sequence[str] = (),
    manner: Manner = ONE_COMMIT,
    limits: Limits | None = None,
    pauses: Sequence[float] = PAUSES,
    fetch: FetchContent | None = None,
    handed: FetchArchive | None = None,
) -> PushFacts:
    """Push the changes of ``bundle`` to ``branch``, as one commit on ``base_commit``.

    ``when`` (aware) dates the commit: a second call with the same values makes the same commit, finds it on
    the remote and reports it with ``created=False``. ``base_ref`` is where the base is looked for when the
    remote does not hand out commits by id. With ``run_id`` the message gets a trailer, and a branch that
    holds nothing but earlier commits of the same run is continued. Faults that may pass are tried again
    after each of ``pauses`` (seconds). ``known_secrets``, and those of ``credentials``, are pushed in no
    content, name, link or branch name, and masked in the message and the author. ``fetch`` gives the contents
    of new files in Git LFS: they are brought to the remote first, and a file whose content cannot be is left
    out, and in ``left_out`` of the facts. ``handed`` brings the packed clone, from which the base is taken
    where that can be. So is what must not be pushed, unless ``allow`` has a pattern for
    its path; then the message says that the work is partial.

    By its ``manner`` it may be the agent's own commits instead, made again, and one with ``message`` for what
    the agent left uncommitted. Where they are no single line, or one of them holds what must not be pushed,
    it is one commit all the same, and the facts' note says so.

    Raises UsageError for the default branch without ``allow_default_branch`` and for a branch that is named
    after a secret, BranchTaken when the branch holds something else, ChangesBlocked when nothing is left to
    push, PushRejected, CredentialsError, UnavailableError and the other errors of ``failures``; ProtocolError
    when the remote took the push but does not have the commit.
    """
    check_branch(branch)
    known = KnownSecrets((*known_secrets, *credentials.secrets))
    _check_name(branch, known)
    if not is_commit_id(base_commit):
        raise DataError("The base commit of the changes is not a full commit id.")
    with (
        private_folder(scratch, "push") as private,
        open_remote(repository, credentials, private, limits, for_push=True) as remote,
    ):
        git = remote.git.within(private / "push.git")
        local = Git(git.scratch, git.git_dir, None, Access(secrets=git.access.secrets), git.limits, git.place)
        create_repository(local, commit_id=base_commit)
        base = base_named(base_commit, base_ref)
        listing = retrying(lambda: remote.list(*branch_refs(branch), *base.refs), pauses)
        check_room(listing, branch, allow_default=allow_default_branch, checked_out=remote.checked_out())
        if not take_handed(local, base_commit, listing, handed):
            retrying(lambda: remote.fetch_commit(git, base), pauses)
        who = Signature(known.mask(author_name), known.mask(author_email))
        wish = _Wish(base_commit, known.mask(message), who, when, run_id, manner)
        judge = Judge(local, Rules(known, refuse_automation, tuple(allow)), manner.warn)
        upload = partial(upload_contents, remote, local, base_commit, branch=branch, pauses=pauses)
        bring = partial(upload, fetch=fetch or _no_content, known=known)
        plan, unfit, missing = _planned(wish, take_bundle(local, bundle, base_commit), judge, bring)
        facts = Delivery(remote, git, local, branch, plan).deliver(listing, pauses)
        return replace(facts, left_out=(*unfit, *missing), unfit=unfit)


@dataclass(frozen=True, slots=True)
class _Wish:
    """The part of a bundle to push, and how."""

    base: str
    message: str
    signature: Signature
    when: datetime
    run_id: str | None
    manner: Manner


Bring = Callable[[str, tuple[RawChange, ...]], Mapping[str, str]]
"""Brings the contents of Git LFS that a tree needs to the remote; which paths cannot be, and why."""


def _planned(
    wish: _Wish, work: BundledWork, judge: Judge, bring: Bring
) -> tuple[CommitPlan, tuple[Finding, ...], tuple[Finding, ...]]:
    """The commits, what must not be in them, and what could not be brought."""
    tree, tip = _chosen(judge.git, work, wish.manner)
    raw, unfit = list_raw_changes(judge.git, wish.base, tree), tuple[Finding, ...]()
    if not raw:
        raise DataError("The bundle changes nothing.", remedy="There is nothing to push.")
    if judge.warn is not None:
        judge.check(wish.base, tree, raw)
    else:
        parted = judge.rules.part(judge.git, wish.base, tree)
        tree, raw, unfit = parted.tree, parted.changes, parted.left_out
    missing = _findings(bring(tree, raw))
    if missing:
        tree = leave_out(judge.git, tree, raw, {finding.path for finding in missing})
    if not list_raw_changes(judge.git, wish.base, tree):
        raise ChangesBlocked((*unfit, *missing), all_of_it=True)
    message = partial_message(wish.message, ChangesBlocked(unfit).message) if unfit else wish.message
    text = clean_message(message, fallback="Changes by Stepherd", run_id=wish.run_id)
    rest = PlannedCommit(tree, text, wish.signature.at(int(wish.when.timestamp())))
    plan = CommitPlan(wish.base, (rest,), wish.run_id)
    if wish.manner.commits == "keep" and tip is not None:
        plan = keep_commits(plan, tip, judge, wish.signature, until=wish.when, last=wish.manner.last_message)
        plan = _with_contents(judge.git, plan, rest, bring)
    return plan, unfit, missing


def _with_contents(git: Git, plan: CommitPlan, rest: PlannedCommit, bring: Bring) -> CommitPlan:
    """``plan`` when each of its commits has its contents of Git LFS on the remote; or else ``rest`` alone."""
    for commit in plan.commits[:-1]:
        for path, reason in bring(commit.tree, list_raw_changes(git, plan.base, commit.tree)).items():
            return replace(plan, commits=(rest,), note=as_one(f"of {path}, {reason}"), kept=False)
    return plan


def base_named(commit: str, name: str) -> Base:
    """The base that is ``commit``, and was found by ``name``: a branch, a tag, a ref or a commit id."""
    if is_commit_id(name):
        return Base(commit, name, (), None)
    if name == "HEAD" or name.startswith("refs/"):
        return Base(commit, name, (name,), None)
    return Base(commit, name, (f"refs/heads/{name}", f"refs/tags/{name}"), None)


def _check_name(branch: str, known: KnownSecrets) -> None:
    if known.held_by(branch):
        raise UsageError(
            "The branch name contains a secret of this run; it is not pushed.",
            remedy="Use another --branch, and replace the secret if it was real.",
        )


def _no_content(oid: str, _path: Path) -> None:
    raise NotFoundError(f"There is no content {oid}.")


def _findings(reasons: Mapping[str, str]) -> tuple[Finding, ...]:
    return tuple(Finding(path, None, "filter", reason) for path, reason in reasons.items())


def _chosen(git: Git, work: BundledWork, manner: Manner) -> tuple[str, str | None]:
    """The tree to push, and the last of the agent's commits that led to it."""
    of_run = work.most if manner.everything else work.changes
    chosen = of_run if manner.kept is None else work.kept.get(manner.kept)
    if chosen is None:
        raise _not_there(work, manner.kept)
    tree = git.run("Reading the changes", "rev-parse", "--verify", "--end-of-options", f"{chosen}^{{tree}}")
    return tree, work.commits if manner.kept is None else chosen


def _not_there(work: BundledWork, kept: str | None) -> StepherdError:
    if kept is not None:
        names = ", ".join(sorted(work.kept))
        remedy = f"Name one of {names}." if names else "It has only its result: leave --kept out."
        return NotFoundError(f"The run has kept no work named '{kept}'.", remedy=remedy)
    return DataError("The bundle has nothing to push.", remedy=Remedy("Fetch its work with: ", ("pull", RUN)))
