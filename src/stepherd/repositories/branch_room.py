"""Whether a branch can be made or continued on a remote: asked before an agent is paid, and before a push.

Git keeps a branch as a file, so ``a`` and ``a/b`` exclude each other. It never writes to the branch that a
work tree of a repository on this machine has checked out, unless that repository allows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stepherd.errors import CannotCreateError, ConfigurationError, UsageError
from stepherd.repositories.git import create_repository
from stepherd.repositories.message import RUN_TRAILER
from stepherd.repositories.refs import run_branch

if TYPE_CHECKING:
    from stepherd.repositories.git import Git
    from stepherd.repositories.remote import Base, Listing, Remote

__all__ = ["OWN_HISTORY", "BranchCheckedOut", "BranchTaken", "PushTarget", "branch_refs", "check_room"]

OWN_HISTORY: Final = 16
"""How many commits of a branch are looked through for those of the same run."""
# When HEAD of the remote names no branch, these are protected in its place.
_USUAL_DEFAULTS: Final = frozenset({"main", "master"})
_SHOWN: Final = 3
_OTHER: Final = "Start again with another --branch"


class BranchTaken(CannotCreateError):
    """The branch exists on the remote and holds commits that are not this run's, or its name has no room."""


class BranchCheckedOut(ConfigurationError):
    """A repository on this machine has the branch checked out, and git does not push into a work tree."""


def branch_refs(branch: str) -> tuple[str, ...]:
    """The refs to ask a remote for: the branch, every branch that would have to be a folder for it, and all
    that it would have to be a folder for."""
    parts = branch.split("/")
    names = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    return (*(f"refs/heads/{name}" for name in names), f"refs/heads/{branch}/*")


def check_room(
    listing: Listing, branch: str, *, allow_default: bool, checked_out: frozenset[str] = frozenset()
) -> None:
    """Whether git could write ``branch`` there, by a listing of ``branch_refs``; what it holds does not
    count.

    ``checked_out`` are full refs. Raises UsageError for the default branch without ``allow_default``,
    BranchTaken where another branch is in the way of the name, BranchCheckedOut.
    """
    default = listing.default_branch
    if not allow_default and (branch == default or (default is None and branch in _USUAL_DEFAULTS)):
        raise UsageError(
            f"'{branch}' is the repository's default branch; Stepherd does not push there by itself.",
            remedy=f"{_OTHER}; to push to the default branch, name it with --branch.",
        )
    above, below = _in_the_way(listing, branch)
    if above or below:
        names = above or below
        shown = ", ".join(f"'{name}'" for name in names[:_SHOWN]) + (" and others" if names[_SHOWN:] else "")
        raise BranchTaken(
            f"The branch '{branch}' cannot be created: the remote has the branch {shown}, and git allows "
            "none below another.",
            remedy=f"{_OTHER}.",
        )
    if f"refs/heads/{branch}" in checked_out:
        raise BranchCheckedOut(
            f"The branch '{branch}' is checked out in the repository on this machine, and git does not push "
            "into a work tree.",
            remedy=f"{_OTHER}, or switch that work tree to another branch first.",
        )


def _in_the_way(listing: Listing, branch: str) -> tuple[list[str], list[str]]:
    names = sorted(ref.removeprefix("refs/heads/") for ref in listing.refs if ref.startswith("refs/heads/"))
    above = [name for name in names if branch.startswith(f"{name}/")]
    return above, [name for name in names if name.startswith(f"{branch}/")]


@dataclass(frozen=True, slots=True)
class PushTarget:
    """The branch that a run is to push to, judged while there is nothing to push yet."""

    branch: str
    run_id: str

    @property
    def refs(self) -> tuple[str, ...]:
        """The refs to ask a remote for."""
        return branch_refs(self.branch)

    @property
    def may_be_default(self) -> bool:
        """Whoever names a branch asks for it, be it the default one."""
        return self.branch != run_branch(self.run_id)

    def check(self, remote: Remote, listing: Listing, base: Base) -> None:
        """Raises what a push would, by a listing of ``refs``: the errors of ``check_room``, BranchTaken, and
        ConfigurationError for a repository on this machine that cannot be written, or has a hook that may
        refuse a push."""
        remote.check_local()
        check_room(listing, self.branch, allow_default=self.may_be_default, checked_out=remote.checked_out())
        _check_not_taken(remote, listing, self.branch, base, self.run_id)


def _check_not_taken(remote: Remote, listing: Listing, branch: str, base: Base, run_id: str) -> None:
    """Whether a push would find room in what ``branch`` holds: nothing, the base alone, or work of the same
    run.

    Asks the remote a second time only when the branch is there and is not the base. Raises BranchTaken.
    """
    tip = listing.branch(branch)
    if tip is None or tip == base.commit:
        return
    git = remote.git.within(remote.git.scratch / "branch.git")
    create_repository(git, commit_id=tip)
    remote.fetch_history(git, tip, OWN_HISTORY)
    if not _holds_work_of(git, tip, run_id):
        raise BranchTaken(
            f"The branch '{branch}' exists in {remote.repository.display}, and has other commits than the "
            "base.",
            remedy=f"{_OTHER}; Stepherd does not overwrite branches. To build on it, name it with "
            "--base, too.",
        )


def _holds_work_of(git: Git, tip: str, run_id: str) -> bool:
    form = f"--format=%(trailers:key={RUN_TRAILER},valueonly,separator=%x20)"
    out = git.run("Reading the branch", "log", f"--max-count={OWN_HISTORY}", form, "--end-of-options", tip)
    return any(run_id in line.split() for line in out.splitlines())
