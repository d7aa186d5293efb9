"""Does a remote answer, and does it have the base? Asked before anything is paid for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stepherd.repositories.address import Repository
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.git import Limits
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
    for_push: bool = False,
    limits: Limits | None = None,
) -> RemoteFacts:
    """Ask the remote once (``git ls-remote``).

    Raises UnavailableError when it cannot be reached, CredentialsError when it refuses, NotFoundError
    when the repository or ``base`` is not there. A base given as a commit id is not proven by this.
    ``for_push`` raises ConfigurationError for a repository on this machine whose hooks may refuse a push.
    """
    with open_remote(repository, credentials, scratch, limits, for_push=for_push) as remote:
        found = remote.find_base(check_ref(base) if base is not None else None)
    return RemoteFacts(found.default_branch, found.commit)
