"""From an agent's bundle to a branch on the remote, proven.

A fresh repository, the base by its id, the bundle checked object by object, one commit made from the
bundle's tree with ``commit-tree`` (no checkout: no filter or attribute ever runs), a push of exactly that
commit to exactly that branch, never by force, and then the remote is asked what it has.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from stepherd.errors import CannotCreateError, DataError, ProtocolError, StepherdError, UsageError
from stepherd.repositories.address import Repository
from stepherd.repositories.bundle import take_bundle
from stepherd.repositories.credentials import Access, GitCredentials
from stepherd.repositories.failures import PushRejected, explain
from stepherd.repositories.git import Git, Limits, create_repository
from stepherd.repositories.message import RUN_TRAILER, clean_email, clean_message, clean_name
from stepherd.repositories.refs import check_branch, is_commit_id
from stepherd.repositories.remote import Base, Listing, Remote, open_remote
from stepherd.repositories.scan import ChangesBlocked, list_raw_changes, scan_changes

__all__ = ["BranchTaken", "PushFacts", "push_bundle"]

_PAUSES: Final = (0.5, 3.0)
_OWN_HISTORY: Final = 16  # commits of one run that are looked back through
_RACE: Final = ("[rejected]", "fetch first", "non-fast-forward", "cannot lock ref", "stale info")


class BranchTaken(CannotCreateError):
    """The branch exists on the remote and holds commits that are not this run's."""


@dataclass(frozen=True, slots=True)
class PushFacts:
    """The branch and the commit that the remote now has there; ``created`` is False when it had it before."""

    branch: str
    commit: str
    created: bool


@dataclass(frozen=True, slots=True)
class _Commit:
    """All that makes the commit but its parent: the same values give the same id on every try."""

    tree: str
    base: str
    message: str
    environment: dict[str, str]
    run_id: str | None


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
    limits: Limits | None = None,
    pauses: Sequence[float] = _PAUSES,
) -> PushFacts:
    """Push the changes of ``bundle`` as one commit on ``base_commit`` to ``branch``.

    ``when`` (aware) dates the commit: a second call with the same values makes the same commit, finds it on
    the remote and reports it with ``created=False``. ``base_ref`` is where the base is looked for when the
    remote does not hand out commits by id. With ``run_id`` the message gets a trailer, and a branch that
    holds nothing but earlier commits of the same run is continued.

    Raises UsageError for the default branch without ``allow_default_branch``, BranchTaken when the branch
    holds something else, ChangesBlocked, PushRejected, CredentialsError, UnavailableError and the other
    errors of ``failures``; ProtocolError when the remote took the push but does not have the commit.
    """
    check_branch(branch)
    if not is_commit_id(base_commit):
        raise DataError("The base commit of the changes is not a full commit id.")
    with (
        tempfile.TemporaryDirectory(prefix="push-", dir=scratch) as name,
        open_remote(repository, credentials, Path(name), limits) as remote,
    ):
        git = remote.git.within(Path(name) / "push.git")
        listing = remote.list(f"refs/heads/{branch}")
        _check_default(listing, branch, allow_default_branch)
        local = Git(git.scratch, git.git_dir, None, Access(secrets=git.access.secrets), git.limits, git.place)
        create_repository(local, commit_id=base_commit)
        remote.fetch_commit(git, _base(listing, base_commit, base_ref))
        tree = _checked_tree(local, bundle, base_commit, credentials)
        commit = _Commit(
            tree=tree,
            base=base_commit,
            message=clean_message(message, fallback="Changes by Stepherd", run_id=run_id),
            environment=_signature(author_name, author_email, when),
            run_id=run_id,
        )
        return _Pusher(remote, git, local, branch, commit).push(listing, pauses)


def _check_default(listing: Listing, branch: str, allowed: bool) -> None:
    if branch == listing.default_branch and not allowed:
        raise UsageError(
            f"'{branch}' is the repository's default branch; Stepherd does not push there by itself.",
            remedy="Give another --branch, or allow it by name.",
        )


def _base(listing: Listing, commit: str, name: str) -> Base:
    ref: str | None = name if name.startswith("refs/") or name == "HEAD" else f"refs/heads/{name}"
    return Base(commit, name, None if is_commit_id(name) else ref, listing.default_branch)


def _checked_tree(git: Git, bundle: Path, base: str, credentials: GitCredentials) -> str:
    changes = take_bundle(git, bundle, base)
    tree = git.run("Reading the changes", "rev-parse", "--verify", "--end-of-options", f"{changes}^{{tree}}")
    raw = list_raw_changes(git, base, tree)
    known = [secret for secret in (credentials.token,) if secret is not None]
    findings = scan_changes(git, base, tree, raw, known_secrets=known)
    if findings:
        raise ChangesBlocked(findings)
    if not raw:
        raise DataError("The bundle changes nothing.", remedy="There is nothing to push.")
    return tree


def _signature(name: str, email: str, when: datetime) -> dict[str, str]:
    date = f"@{int(when.timestamp())} +0000"
    who = (clean_name(name), clean_email(email))
    return {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in zip(("NAME", "EMAIL", "DATE"), (*who, date), strict=True)
    }


@dataclass(frozen=True, slots=True)
class _Pusher:
    remote: Remote
    git: Git
    local: Git
    branch: str
    commit: _Commit

    def push(self, listing: Listing, pauses: Sequence[float]) -> PushFacts:
        """Push until the remote has the commit; after a failure that may pass, look first what it has."""
        for attempt in range(len(pauses) + 1):
            parent, done = self._settle(listing.branch(self.branch))
            if done is not None:
                return PushFacts(self.branch, done, created=attempt > 0)
            commit = self._make(parent)
            failure = self._push_once(commit)
            listing = self._look(failure)
            if listing.branch(self.branch) == commit:
                return PushFacts(self.branch, commit, created=True)
            if failure is None:
                raise ProtocolError(
                    f"The remote accepted the push, but its branch '{self.branch}' is not the commit {commit}.",
                    remedy="Look at the branch on the server: someone may have changed it at the same moment.",
                )
            if (not failure.retryable and not isinstance(failure, _Raced)) or attempt == len(pauses):
                raise failure
            time.sleep(pauses[attempt])
        raise AssertionError("unreachable")

    def _push_once(self, commit: str) -> StepherdError | None:
        try:
            finished = self.remote.push(self.git, commit, self.branch)
        except StepherdError as error:
            return error
        if finished.code == 0:
            return None
        said = (finished.out + b"\n" + finished.err).decode("utf-8", "replace")
        failure = explain("Pushing", self.git.place, said, self.git.access.secrets)
        if isinstance(failure, PushRejected) and not _is_race(said):
            return failure
        return _Raced(failure.message, remedy=failure.remedy) if _is_race(said) else failure

    def _look(self, failure: StepherdError | None) -> Listing:
        try:
            return self.remote.list(f"refs/heads/{self.branch}")
        except StepherdError as error:
            raise failure or error from None

    def _settle(self, tip: str | None) -> tuple[str, str | None]:
        """The commit's parent, and the commit itself when the remote has it already."""
        if tip is None or tip == self.commit.base:
            return self.commit.base, None
        if self._make(self.commit.base) == tip:
            return self.commit.base, tip
        parent = self._own_parent(tip)
        if parent is None:
            raise BranchTaken(
                f"The branch '{self.branch}' exists on the remote and holds other commits.",
                remedy="Give another --branch; Stepherd never overwrites one.",
            )
        same = self._make(parent) == tip or self._tree_of(tip) == self.commit.tree
        return (parent, tip) if same else (tip, None)

    def _own_parent(self, tip: str) -> str | None:
        """The parent of ``tip`` when everything from the base to ``tip`` is this run's; None otherwise."""
        if self.commit.run_id is None:
            return None
        self.remote.fetch_history(self.git, tip, _OWN_HISTORY)
        out = self.local.run(
            "Reading the branch",
            "log",
            "-z",
            f"--max-count={_OWN_HISTORY}",
            f"--format=%H %P%n%(trailers:key={RUN_TRAILER},valueonly)",
            "--end-of-options",
            tip,
        )
        commits = [entry.split("\n", 1) for entry in out.split("\0") if entry]
        parent: str | None = None
        for head, trailer in commits:
            ids = head.split()
            if ids[0] == self.commit.base:
                return parent
            if len(ids) != 2 or trailer.strip() != self.commit.run_id:
                return None
            parent = parent or ids[1]
            if ids[1] == self.commit.base:
                return parent
        return None

    def _tree_of(self, commit: str) -> str:
        return self.local.run(
            "Reading the branch", "rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}"
        )

    def _make(self, parent: str) -> str:
        return self.local.run(
            "Making the commit",
            "commit-tree",
            "-p",
            parent,
            "-F",
            "-",
            self.commit.tree,
            stdin=self.commit.message.encode("utf-8", "replace"),
            environment=self.commit.environment,
        )


class _Raced(PushRejected):
    """Someone moved the branch between the look and the push."""


def _is_race(said: str) -> bool:
    return any(word in said for word in _RACE)
