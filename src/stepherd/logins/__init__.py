"""The logins of agents: databases that a person's approval fills, and that runs share one at a time.

``stepherd.logins.token_provider`` is for the streaming client (export.py); it is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepherd.logins.export import token_provider

__all__ = ["token_provider"]


def __getattr__(name: str) -> Any:
    if name == "token_provider":
        # Only now: see above.
        from stepherd.logins.export import token_provider

        return token_provider
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
