"""From an agent's bundle to a branch on the remote, proven.

A fresh repository, the base by its id, the bundle checked object by object, one commit made from the
bundle's tree with ``commit-tree`` (no checkout: no filter or attribute ever runs), a push of exactly that
commit to exactly that branch, never by force, and then the remote is asked what it has (``delivery``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from stepherd.errors import DataError, NotFoundError, UsageError
from stepherd.repositories.address import Repository
from stepherd.repositories.automation import find_automation
from stepherd.repositories.branch_room import BranchTaken, branch_refs, check_room
from stepherd.repositories.bundle import take_bundle
from stepherd.repositories.credentials import Access, GitCredentials
from stepherd.repositories.delivery import Delivery, OneCommit, PushFacts
from stepherd.repositories.git import Git, Limits, create_repository
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.left_out import leave_out
from stepherd.repositories.lfs_upload import FetchContent, upload_contents
from stepherd.repositories.message import clean_email, clean_message, clean_name
from stepherd.repositories.raw_changes import RawChange, list_raw_changes
from stepherd.repositories.refs import check_branch, is_commit_id
from stepherd.repositories.remote import Base, open_remote
from stepherd.repositories.retries import PAUSES, retrying
from stepherd.repositories.scan import ChangesBlocked, Finding, scan_changes
from stepherd.repositories.scratch import private_folder

__all__ = ["BranchTaken", "PushFacts", "push_bundle"]


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
    limits: Limits | None = None,
    pauses: Sequence[float] = PAUSES,
    fetch: FetchContent | None = None,
) -> PushFacts:
    """Push the changes of ``bundle`` as one commit on ``base_commit`` to ``branch``.

    ``when`` (aware) dates the commit: a second call with the same values makes the same commit, finds it on
    the remote and reports it with ``created=False``. ``base_ref`` is where the base is looked for when the
    remote does not hand out commits by id. With ``run_id`` the message gets a trailer, and a branch that
    holds nothing but earlier commits of the same run is continued. Faults that may pass are tried again
    after each of ``pauses`` (seconds). ``known_secrets``, and those of ``credentials``, are pushed in no
    content, name, link or branch name, and masked in the message and the author. ``fetch`` gives the contents
    of new files in Git LFS: they are brought to the remote first, and a file whose content cannot be is left
    out, and in ``left_out`` of the facts.

    Raises UsageError for the default branch without ``allow_default_branch`` and for a branch that is named
    after a secret, BranchTaken when the branch
    holds something else, ChangesBlocked, PushRejected, CredentialsError, UnavailableError and the other
    errors of ``failures``; ProtocolError when the remote took the push but does not have the commit.
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
        listing = retrying(lambda: remote.list(*branch_refs(branch)), pauses)
        check_room(listing, branch, allow_default=allow_default_branch, checked_out=remote.checked_out())
        retrying(lambda: remote.fetch_commit(git, _base(base_commit, base_ref)), pauses)
        tree, raw = _checked_tree(local, bundle, base_commit, known, refuse_automation)
        without = upload_contents(
            remote, local, base_commit, tree, raw, branch=branch, fetch=fetch or _no_content, pauses=pauses
        )
        commit = OneCommit(
            tree=_without(local, base_commit, tree, raw, without),
            base=base_commit,
            message=clean_message(known.mask(message), fallback="Changes by Stepherd", run_id=run_id),
            environment=_signature(known.mask(author_name), known.mask(author_email), when),
            run_id=run_id,
        )
        facts = Delivery(remote, git, local, branch, commit).deliver(listing, pauses)
        return replace(facts, left_out=_findings(without))


def _base(commit: str, name: str) -> Base:
    if is_commit_id(name):
        return Base(commit, name, (), None)
    if name == "HEAD" or name.startswith("refs/"):
        return Base(commit, name, (name,), None)
    return Base(commit, name, (f"refs/heads/{name}", f"refs/tags/{name}"), None)


def _check_name(branch: str, known: KnownSecrets) -> None:
    if known.held_by(branch):
        raise UsageError(
            "The name of the branch holds a secret of this run; it is not pushed.",
            remedy="Give another --branch, and replace the secret if it was real.",
        )


def _no_content(oid: str, _path: Path) -> None:
    raise NotFoundError(f"There is no content {oid}.")


def _findings(reasons: Mapping[str, str]) -> tuple[Finding, ...]:
    return tuple(Finding(path, None, "filter", reason) for path, reason in reasons.items())


def _without(
    git: Git, base: str, tree: str, changes: tuple[RawChange, ...], reasons: Mapping[str, str]
) -> str:
    """The tree without the files whose contents could not be brought. Raises ChangesBlocked when nothing is
    left of the changes."""
    if not reasons:
        return tree
    rest = leave_out(git, tree, changes, reasons.keys())
    if not list_raw_changes(git, base, rest):
        raise ChangesBlocked(_findings(reasons))
    return rest


def _checked_tree(
    git: Git, bundle: Path, base: str, known: KnownSecrets, refuse_automation: bool
) -> tuple[str, tuple[RawChange, ...]]:
    changes = take_bundle(git, bundle, base).changes
    if changes is None:
        raise DataError(
            "The bundle holds nothing that is to be pushed.", remedy="Take its work with: stepherd pull"
        )
    tree = git.run("Reading the changes", "rev-parse", "--verify", "--end-of-options", f"{changes}^{{tree}}")
    raw = list_raw_changes(git, base, tree)
    if not raw:
        raise DataError("The bundle changes nothing.", remedy="There is nothing to push.")
    automation = find_automation(git, raw) if refuse_automation else ()
    findings = scan_changes(git, base, tree, raw, known=known, automation=automation)
    if findings:
        raise ChangesBlocked(findings)
    return tree, raw


def _signature(name: str, email: str, when: datetime) -> dict[str, str]:
    who = {"NAME": clean_name(name), "EMAIL": clean_email(email), "DATE": f"@{int(when.timestamp())} +0000"}
    return {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in who.items()}
