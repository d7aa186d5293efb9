"""The keys in a secret, where bcrypt may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepherd.errors import ConfigurationError, UsageError
from stepherd.services.secrets.opening import open_document

if TYPE_CHECKING:
    from stepherd.api_keys.ring import KeyRing

__all__ = ["open_ring"]


def open_ring(secret: str | None) -> KeyRing:
    """The keys in a secret. Raises UsageError without one, ConfigurationError without bcrypt."""
    if not secret:
        raise UsageError(
            "No secret with API keys is set.",
            remedy="Use --secret ID, the stack's output ApiKeysSecretId, or --secret file:PATH.",
        )
    try:
        # Only now: it loads bcrypt, which takes its time and is there with the extra "aws" alone.
        from stepherd.api_keys.ring import KeyRing
    except ModuleNotFoundError as error:
        if error.name != "bcrypt":
            raise
        raise ConfigurationError(
            "API keys need bcrypt, which is not installed.", remedy="Run: pip install 'stepherd[aws]'"
        ) from error
    return KeyRing(open_document(secret))
