"""From an agent's bundle to a branch on the remote, proven.

A fresh repository, the base by its id, the bundle checked object by object, one commit made from the
bundle's tree with ``commit-tree`` (no checkout: no filter or attribute ever runs), a push of exactly that
commit to exactly that branch, never by force, and then the remote is asked what it has (``delivery``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from stepherd.errors import DataError, UsageError
from stepherd.repositories.address import Repository
from stepherd.repositories.automation import find_automation
from stepherd.repositories.branch_room import BranchTaken, branch_refs, check_room
from stepherd.repositories.bundle import take_bundle
from stepherd.repositories.credentials import Access, GitCredentials
from stepherd.repositories.delivery import Delivery, OneCommit, PushFacts
from stepherd.repositories.git import Git, Limits, create_repository
from stepherd.repositories.known_secrets import KnownSecrets
from stepherd.repositories.message import clean_email, clean_message, clean_name
from stepherd.repositories.raw_changes import list_raw_changes
from stepherd.repositories.refs import check_branch, is_commit_id
from stepherd.repositories.remote import Base, open_remote
from stepherd.repositories.retries import PAUSES, retrying
from stepherd.repositories.scan import ChangesBlocked, scan_changes
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
) -> PushFacts:
    """Push the changes of ``bundle`` as one commit on ``base_commit`` to ``branch``.

    ``when`` (aware) dates the commit: a second call with the same values makes the same commit, finds it on
    the remote and reports it with ``created=False``. ``base_ref`` is where the base is looked for when the
    remote does not hand out commits by id. With ``run_id`` the message gets a trailer, and a branch that
    holds nothing but earlier commits of the same run is continued. Faults that may pass are tried again
    after each of ``pauses`` (seconds). ``known_secrets``, and those of ``credentials``, are pushed in no
    content, name, link or branch name, and masked in the message and the author.

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
        commit = OneCommit(
            tree=_checked_tree(local, bundle, base_commit, known, refuse_automation),
            base=base_commit,
            message=clean_message(known.mask(message), fallback="Changes by Stepherd", run_id=run_id),
            environment=_signature(known.mask(author_name), known.mask(author_email), when),
            run_id=run_id,
        )
        return Delivery(remote, git, local, branch, commit).deliver(listing, pauses)


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


def _checked_tree(git: Git, bundle: Path, base: str, known: KnownSecrets, refuse_automation: bool) -> str:
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
    return tree


def _signature(name: str, email: str, when: datetime) -> dict[str, str]:
    who = {"NAME": clean_name(name), "EMAIL": clean_email(email), "DATE": f"@{int(when.timestamp())} +0000"}
    return {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in who.items()}
