"""Digests that bind files of a run folder to its execution.

PrepareRun's answer carries them, so they travel in the execution's own history, which no step reads from
the folder. A process runner's agent can write to the folder; what it changed there is found and never used
(decision 0009).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from stepherd.errors import DataError
from stepherd.remedies import RUN, Remedy

__all__ = ["RunFolderChanged", "check_digest", "digest_of", "digest_of_files"]


class RunFolderChanged(DataError):
    """A file of the run folder is not the one that was there when the run was prepared."""

    category = "changed"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address} was changed or removed after the run was prepared, perhaps by the run's own agent. "
            "It is not used.",
            remedy=Remedy("Fetch the agent's work with: ", ("pull", RUN), ", or start a new run."),
        )


def digest_of(body: bytes) -> str:
    """The SHA-256 of ``body``, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def digest_of_files(digests: Mapping[str, str]) -> str:
    """One digest for a folder, from the digests of its files by relative name.

    The lines are those of sha256sum. Names hold no control characters, so no two folders give the same.
    """
    return digest_of("".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode())


def check_digest(found: str | None, expected: str | None, address: str) -> None:
    """Compare a digest with the one that the execution carries, if it carries one.

    ``found`` is None when there is no file. ``expected`` is None for an execution that an earlier version
    started: it accepts what there is. Raises RunFolderChanged.
    """
    if expected is not None and found != expected:
        raise RunFolderChanged(address)
