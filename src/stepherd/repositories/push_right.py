"""Whether the credentials may push at all, asked before there is anything to push."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from stepherd.errors import CredentialsError, DataError, StepherdError
from stepherd.repositories.failures import explain
from stepherd.repositories.git import create_repository
from stepherd.repositories.remote import Remote

__all__ = ["checking_push_right"]

_SECONDS: Final = 30.0
# An empty repository has nothing to push by it: the server says whether a push may begin, and no more
# happens.
_NOTHING: Final = "refs/heads/*:refs/heads/*"


@contextmanager
def checking_push_right(remote: Remote) -> Iterator[None]:
    """Ask a server in the background, as git asks it at the beginning of every push (the advertisement of
    ``git-receive-pack``), with the same credentials. Work in the block pays no round trip for it.

    Raises its refusal at the end: CredentialsError, or DataError for a repository that takes no push.
    Whatever else goes wrong is left to those who talk to the remote anyway.
    """
    if remote.repository.kind == "file":
        yield
        return
    refusals: list[StepherdError] = []
    asking = threading.Thread(target=_ask, args=(remote, remote.url, refusals), name="push-right")
    asking.start()
    try:
        yield
    finally:
        asking.join()  # Its files are in a folder that is about to be removed.
    if refusals:
        raise refusals[0]


def _ask(remote: Remote, url: str, refusals: list[StepherdError]) -> None:
    limits = replace(remote.git.limits, network_seconds=min(_SECONDS, remote.git.limits.network_seconds))
    git = replace(remote.git.within(remote.git.scratch / "ask.git"), limits=limits)
    doing = "Asking for the right to push"
    try:
        create_repository(git)
        answer = git.attempt(
            doing, "push", "--dry-run", "--porcelain", "--no-verify", "--", url, _NOTHING, network=True
        )
        if answer.code != 0:
            raise explain(doing, git.place, answer.err.decode("utf-8", "replace"), git.access.secrets)
    except (CredentialsError, DataError) as error:
        refusals.append(error)
    except StepherdError:
        return
