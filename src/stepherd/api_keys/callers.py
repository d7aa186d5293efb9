"""The caller: the owner of a key and what the key may do, as the authorizer tells the handler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["ADMIN", "READ", "SCOPES", "WRITE", "Caller", "caller_of"]

READ: Final = "runs:read"
WRITE: Final = "runs:write"
ADMIN: Final = "admin"
SCOPES: Final = (READ, WRITE, ADMIN)
"""Each may do what the one before it may: see its owner's runs, start and control them, and everybody's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a key that was found good."""

    owner: str
    scope: str
    key_id: str
    expires: str = ""
    """When the key ends, ISO 8601; empty: never. An answer of the authorizer is remembered for a while."""

    @property
    def sees_all(self) -> bool:
        """Whether runs of every owner are the caller's to see."""
        return self.scope == ADMIN

    def may(self, scope: str) -> bool:
        """Whether the key's scope includes ``scope``."""
        return self.scope in SCOPES and SCOPES.index(self.scope) >= SCOPES.index(scope)

    def expired(self, now: datetime | None = None) -> bool:
        """Whether the key has ended since the authorizer looked."""
        return bool(self.expires) and datetime.fromisoformat(self.expires) <= (now or datetime.now(UTC))

    def to_context(self) -> dict[str, str]:
        """The authorizer's context, by which API Gateway tells a route's function about the caller."""
        return {
            "owner": self.owner, "scope": self.scope, "key_id": self.key_id, "expires": self.expires,
        }  # fmt: skip


def caller_of(event: Mapping[str, Any]) -> Caller | None:
    """The caller in the event of an authorized call; None when no authorizer has spoken."""
    context = event.get("requestContext", {}).get("authorizer", {}).get("lambda") or {}
    names = ("owner", "scope", "key_id")
    if not all(isinstance(context.get(name), str) and context[name] for name in names):
        return None
    owner, scope, key_id = (str(context[name]) for name in names)
    return Caller(owner, scope, key_id, str(context.get("expires") or ""))
