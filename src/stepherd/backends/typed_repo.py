"""A repository that a person has typed, and not one that instructions name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepherd.repositories.binding import typed_host

__all__ = ["with_typed_host"]


def with_typed_host(request: Mapping[str, Any]) -> dict[str, Any]:
    """``request``, with the host of its own ``repo``: a git token that names no hosts may go there.

    For requests that a person gave on the command line or in a container's environment. An address that is
    not acceptable is left to the check of the request.
    """
    host = typed_host(str(request["repo"])) if "repo" in request else None
    return {**request, "git_token_host": host} if host else dict(request)
