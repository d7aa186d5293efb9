"""The git credentials of a step: what the request names, else what the task's environment names."""

from __future__ import annotations

import os

from stepherd.processes.account import hide_this_process
from stepherd.repositories.credentials import GitCredentials
from stepherd.runs.request import Request
from stepherd.services import read_secret

__all__ = ["git_credentials"]


def git_credentials(request: Request) -> GitCredentials:
    """Read now, kept in no file. Without a reference they are git's own."""
    # On a laptop an agent of another run may be the same user: the environment may hold the secret.
    hide_this_process()
    reference = request.git_credentials
    if reference is None:
        reference = os.environ.get("GIT_CREDENTIALS_SECRET_ID", "")
    return GitCredentials.from_secret(read_secret(reference))
