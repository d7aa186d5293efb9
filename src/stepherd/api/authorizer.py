"""Judging the key of a call, for API Gateway's Lambda authorizer (payload format 2.0, simple responses)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.api_keys.callers import Caller

if TYPE_CHECKING:
    from stepherd.api_keys.ring import KeyRing

__all__ = ["REMEMBERED_SECONDS", "authorize"]

REMEMBERED_SECONDS: Final = 300
"""How long API Gateway remembers an answer, and so a revoked key works; template.yaml sets it."""
_REFUSED: Final[dict[str, Any]] = {"isAuthorized": False, "context": {}}


def authorize(event: Mapping[str, Any], ring: KeyRing) -> dict[str, Any]:
    """The answer for one call: whether its key is good, and whose it is.

    Whatever is in the header, there is an answer. Raises only when the list of keys cannot be read.
    """
    entry = ring.find(_shown_key(event))
    if entry is None:
        return dict(_REFUSED)
    caller = Caller(entry.owner, entry.scope, entry.id, entry.expires or "")
    return {"isAuthorized": True, "context": caller.to_context()}


def _shown_key(event: Mapping[str, Any]) -> str:
    """The key as API Gateway took it from the identity source: the text under which it remembers the answer.

    Emulators that know no identity sources give the headers alone.
    """
    sources = event.get("identitySource")
    if sources is None:
        headers = event.get("headers")
        pairs = headers.items() if isinstance(headers, Mapping) else ()
        sources = [value for name, value in pairs if str(name).lower() == "x-api-key"]
    key = sources[0] if isinstance(sources, list) and len(sources) == 1 else None
    return key if isinstance(key, str) else ""
