"""One remote, opened with its credentials for as long as a ``with`` block lasts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepherd.errors import DataError, InternalError, NotFoundError, StepherdError
from stepherd.repositories.address import Repository
from stepherd.repositories.credentials import GitCredentials, prepare_access
from stepherd.repositories.failures import CommitNotServed, RepositoryMoved
from stepherd.repositories.git import Git, Limits
from stepherd.repositories.local import LocalRepository, open_local
from stepherd.repositories.process import Finished
from stepherd.repositories.refs import is_commit_id
from stepherd.repositories.refusals import ServerRefused
from stepherd.repositories.scratch import private_folder

__all__ = ["Base", "Listing", "Remote", "has_commit", "open_remote"]

_SHOWN: Final = 3
_USUAL: Final = ("main", "master", "trunk", "develop")
"""A default branch that was renamed is most likely one of them now."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A remote's answer: where HEAD points, and the asked-for refs (full name → object id)."""

    default_branch: str | None
    refs: Mapping[str, str]

    @property
    def head(self) -> str | None:
        """The commit at HEAD; None in a repository without commits."""
        return self.refs.get("HEAD")

    def branch(self, name: str) -> str | None:
        """The tip of a branch, None when it does not exist."""
        return self.refs.get(f"refs/heads/{name}")


@dataclass(frozen=True, slots=True)
class Base:
    """A base found on the remote: its commit, its short name, and full refs that may lead to it."""

    commit: str
    name: str
    refs: tuple[str, ...]
    default_branch: str | None


class Remote:
    """A remote repository. Methods raise the errors of ``failures`` and are bounded in time."""

    def __init__(
        self,
        repository: Repository,
        git: Git,
        url: str,
        unrun_hooks: tuple[str, ...] = (),
        local: LocalRepository | None = None,
    ) -> None:
        self.repository = repository
        self.git = git
        self.url = url
        self._local = local
        self.unrun_hooks = unrun_hooks
        """Hooks of a repository on this machine that a push of git would run."""

    def checked_out(self) -> frozenset[str]:
        """The refs that git would refuse a push to, because a work tree of a repository on this machine has
        them checked out. Empty for every other repository: there the server decides."""
        return self._local.checked_out() if self._local is not None else frozenset()

    def check_local(self) -> None:
        """Raises ConfigurationError for a repository on this machine that cannot be written, or has a hook
        that may refuse a push."""
        if self._local is not None:
            self._local.check_writable()
            self._local.unrun_hooks()

    def list(self, *refs: str) -> Listing:
        """Read HEAD and the named refs (full names; one that ends with ``/*`` stands for all below it).

        Redirects are not followed, so the one that forges answer to an address without ``.git`` is tried
        here, on the same host.
        """
        try:
            return self._list(refs)
        except RepositoryMoved:
            if self.repository.kind not in {"https", "http"} or self.url.endswith(".git"):
                raise
            self.url = self.url.rstrip("/") + ".git"
            return self._list(refs)

    def find_base(self, base: str | None, *refs: str) -> tuple[Base, Listing]:
        """The commit that ``base`` (a branch, tag, full id or full ref; None: HEAD) stands for, and a
        listing that holds ``refs`` as well: the remote is asked once for both.

        Raises NotFoundError when the remote has no such name or no commits at all. A commit id is taken
        as it is: whether the remote hands it out shows when it is fetched.
        """
        names = _names_of(base)
        listing = self.list(*dict.fromkeys((*names, *(f"{name}^{{}}" for name in names), *refs)))
        if base is None or base == "HEAD":
            return self._head_base(listing), listing
        if is_commit_id(base):
            return Base(base, base, (), listing.default_branch), listing
        for name in names:
            commit = listing.refs.get(f"{name}^{{}}") or listing.refs.get(name)
            if commit is not None:
                short = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
                return Base(commit, short, (name,), listing.default_branch), listing
        if re.fullmatch("[0-9a-f]{4,39}", base):
            raise NotFoundError(
                f"{self.repository.display} has no branch or tag '{base}'. If it is a short commit id, the "
                "whole id is needed: a remote finds no commit by a part of it.",
                remedy=f"It is printed by: git rev-parse {base}",
            )
        raise NotFoundError(
            f"The base '{base}' does not exist in {self.repository.display}.",
            remedy="Use a branch, a tag or a full commit id"
            + (f"; the default branch is '{listing.default_branch}'." if listing.default_branch else "."),
        )

    def fetch_commit(self, git: Git, base: Base) -> None:
        """Bring ``base.commit`` into the repository of ``git``.

        At depth 1 where the server hands it out by its id; otherwise by the tips of ``base.refs``, and at
        last with their whole history. Raises CommitNotServed when it is nowhere.
        """
        attempts = [(base.commit, True), *((ref, True) for ref in base.refs)]
        attempts += [(ref, False) for ref in base.refs] or [("+refs/heads/*:refs/fetched/*", False)]
        answer: StepherdError | None = None
        for refspec, shallow in attempts:
            whole = ("--unshallow",) if (git.git_dir / "shallow").exists() else ()
            try:
                self._fetch(git, refspec, *(("--depth=1",) if shallow else whole))
            except CommitNotServed:
                continue
            except (InternalError, ServerRefused) as error:
                answer = error  # Servers word this refusal as they like, and others, too.
                continue
            if has_commit(git, base.commit):
                return
        if answer is not None:
            # The last way takes whatever there is: what was said to it is no answer about one commit.
            raise answer
        raise CommitNotServed(
            f"The commit {base.commit} does not exist in {self.repository.display}, or is on no branch.",
            remedy="Use a branch, a tag or the full id of a commit that was pushed.",
        )

    def fetch_history(self, git: Git, commit: str, depth: int) -> None:
        """Bring ``commit`` and its ancestors, ``depth`` commits in all."""
        self._fetch(git, commit, f"--depth={depth}")

    def push(self, git: Git, commit: str, branch: str) -> Finished:
        """Push ``commit`` to ``branch``, never by force. The caller judges the outcome."""
        return git.attempt(
            "Pushing",
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--no-signed",
            "--recurse-submodules=no",
            "--",
            self.url,
            f"{commit}:refs/heads/{branch}",
            network=True,
        )

    def _list(self, refs: tuple[str, ...]) -> Listing:
        out = self.git.run(
            "Reading the branches", "ls-remote", "--symref", "--", self.url, "HEAD", *refs, network=True
        )
        return _parse_listing(out, {"HEAD", *refs})

    def _head_base(self, listing: Listing) -> Base:
        if listing.head is None:
            self._refuse_without_head()
            raise NotFoundError(
                f"{self.repository.display} has no commits yet.",
                remedy="Push a first commit (a README is enough) and try again.",
            )
        branch = listing.default_branch
        ref = f"refs/heads/{branch}" if branch else "HEAD"
        return Base(listing.head, branch or "HEAD", (ref,), branch)

    def _refuse_without_head(self) -> None:
        """Raises NotFoundError where there are branches, and HEAD names one that is not there."""
        there = self.list("refs/heads/*")
        found = sorted(name.removeprefix("refs/heads/") for name in there.refs if name != "HEAD")
        names = sorted(found, key=lambda name: name not in _USUAL)
        if not names:
            return
        shown = ", ".join(f"'{name}'" for name in names[:_SHOWN]) + (" and others" if names[_SHOWN:] else "")
        raise NotFoundError(
            f"The default branch of {self.repository.display} does not exist; there is {shown}.",
            remedy=f"Choose the one to start from: --base {shlex.quote(names[0])}",
        )

    def _fetch(self, git: Git, refspec: str, *options: str) -> None:
        git.run(
            "Fetching",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--no-write-fetch-head",
            *options,
            "--",
            self.url,
            refspec,
            network=True,
        )


@contextmanager
def open_remote(
    repository: Repository,
    credentials: GitCredentials,
    scratch: Path,
    limits: Limits | None = None,
    *,
    for_push: bool = False,
) -> Iterator[Remote]:
    """Open ``repository``; what the credentials need on disk is under ``scratch`` until the block ends.

    ``for_push`` raises ConfigurationError for a repository on this machine whose hooks may refuse a push.
    """
    with private_folder(scratch, "remote") as private:
        git = Git(
            scratch=private,
            git_dir=private / "none.git",
            access=prepare_access(repository, credentials, private),
            limits=limits or Limits(),
            place=repository.display,
        )
        if repository.kind != "file":
            yield Remote(repository, git, repository.url)
            return
        local = open_local(Path(repository.path), git)
        unrun = local.unrun_hooks() if for_push else ()
        view = private / "view.git"
        local.make_view(view, for_push=for_push)
        yield Remote(repository, git, str(view), unrun, local)


def _names_of(base: str | None) -> tuple[str, ...]:
    """The full refs that may be meant by ``base``; none where it is HEAD or a commit id."""
    if base is None or base == "HEAD" or is_commit_id(base):
        return ()
    return (base,) if base.startswith("refs/") else (f"refs/heads/{base}", f"refs/tags/{base}")


def has_commit(git: Git, commit: str) -> bool:
    """Whether the repository of ``git`` has ``commit`` with its whole tree's root."""
    return git.attempt("Looking for a commit", "cat-file", "-e", f"{commit}^{{tree}}").code == 0


def _parse_listing(out: str, wanted: set[str]) -> Listing:
    refs: dict[str, str] = {}
    below = tuple(name.removesuffix("*") for name in wanted if name.endswith("/*"))
    default: str | None = None
    for line in out.splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: ") and name == "HEAD":
            target = value.removeprefix("ref: ")
            default = target.removeprefix("refs/heads/") if target.startswith("refs/heads/") else None
        elif name in wanted or name.startswith(below):
            if not is_commit_id(value):
                raise DataError("The remote's answer contains an invalid object id.")
            refs[name] = value
    return Listing(default, refs)
