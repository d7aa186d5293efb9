"""Folders of this machine that a step's container gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stepherd.engine.runners.container_runner import Mount
from stepherd.errors import StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.runs.folder import REQUEST_DIGEST, open_run_folder
from stepherd.runs.steps import STEPS

__all__ = ["mounts_of"]


def mounts_of(argv: Sequence[str], environment: Mapping[str, str]) -> list[Mount]:
    """A repository on this machine's disk, for the steps that need it: to be read by clone, written by push.

    The agent's container never gets it: what an agent does reaches a repository by a push alone.
    """
    step = STEPS.get(argv[-1] if argv else "")
    folder = environment.get("STEPHERD_RUN_FOLDER", "")
    if step is None or step.repository == "untouched" or not folder.startswith("file://"):
        return []
    try:
        request = open_run_folder(folder).read_request(environment.get(REQUEST_DIGEST))
        repository = parse_repository(request.repo)
    except StepherdError:
        return []  # The step meets the same, and says so in its result.
    if repository.kind != "file":
        return []
    return [Mount(Path(repository.path), writable=step.repository == "written")]
