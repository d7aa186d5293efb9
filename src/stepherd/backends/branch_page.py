"""The page of a forge that shows what a run's branch has more than its base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepherd.backends.prepared import request_digest
from stepherd.errors import StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.links import compare_link
from stepherd.runs.folder import run_folder

if TYPE_CHECKING:
    from stepherd.backends.backend import Backend

__all__ = ["branch_page"]


def branch_page(backend: Backend, run_id: str, branch: str) -> str | None:
    """The address of that page; None where the repository is on no forge that is known.

    It is made of the request, whose bytes the run's execution vouches for, not taken from the report: an
    agent may have written that, and a browser is to open it.
    """
    folder = run_folder(backend.store(), run_id)
    try:
        request = folder.read_request(request_digest(backend, run_id))
        cloned = folder.read_result("clone")
    except StepherdError:
        return None
    base = cloned.facts.get("base_ref") if cloned else None
    return compare_link(parse_repository(request.repo), str(base or request.base or "HEAD"), branch)
