"""Does a remote answer, does it have the base, would it take the push? Asked before anything is paid for."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from stepherd.repositories.address import Repository
from stepherd.repositories.branch_room import PushTarget
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.git import Limits
from stepherd.repositories.push_right import checking_push_right
from stepherd.repositories.refs import check_ref
from stepherd.repositories.remote import open_remote

__all__ = ["RemoteFacts", "probe"]


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """The remote's default branch (None: HEAD is detached) and the commit id of the base."""

    default_branch: str | None
    base_commit: str


def probe(
    repository: Repository,
    credentials: GitCredentials,
    scratch: Path,
    base: str | None = None,
    *,
    target: PushTarget | None = None,
    limits: Limits | None = None,
) -> RemoteFacts:
    """Ask the remote for the base and, with a ``target``, for what a push would meet (``git ls-remote``,
    once) and whether the credentials may push, at the same time.

    Raises UnavailableError when it cannot be reached, CredentialsError when it refuses, NotFoundError
    when the repository or ``base`` is not there, and the errors of ``PushTarget.check``. A base given as a
    commit id is not proven by this.
    """
    wanted = check_ref(base) if base is not None else None
    with open_remote(repository, credentials, scratch, limits, for_push=target is not None) as remote:
        with checking_push_right(remote) if target is not None else nullcontext():
            found, listing = remote.find_base(wanted, *(target.refs if target else ()))
        if target is not None:
            target.check(remote, listing, found)
    return RemoteFacts(found.default_branch, found.commit)
