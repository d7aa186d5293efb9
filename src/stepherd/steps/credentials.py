"""The git credentials of a step: what the request names, else what the task's environment names."""

from __future__ import annotations

import os

from stepherd.processes.account import hide_this_process
from stepherd.repositories.binding import typed_host
from stepherd.repositories.credentials import GitCredentials
from stepherd.runs.request import Request
from stepherd.services.secrets.opening import read_secret

__all__ = ["git_credentials"]


def git_credentials(request: Request) -> GitCredentials:
    """Read now, kept in no file. Without a reference they are git's own.

    A token without hosts may go to the host that the person who started the run has typed, and to that of the
    stack's default repository.
    """
    # On a laptop an agent of another run may be the same user: the environment may hold the secret.
    hide_this_process()
    reference = request.git_credentials
    if reference is None:
        reference = os.environ.get("GIT_CREDENTIALS_SECRET_ID", "")
    owner_hosts = (request.git_token_host, typed_host(os.environ.get("DEFAULT_REPO") or ""))
    return GitCredentials.from_secret(read_secret(reference), owner_hosts=owner_hosts)
