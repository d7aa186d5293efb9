"""The login of the environment: a token with its profile, or an API key."""

from __future__ import annotations

import os
from typing import Final

from ._tokens import AccessToken, LoginService, StaticTokenProvider, TokenKind, TokenProvider
from .errors import TokenError

__all__ = ["KEY_VARIABLE", "PROFILE_VARIABLE", "TOKEN_VARIABLE", "environment_login", "from_environment"]

TOKEN_VARIABLE: Final = "AMAZON_Q_ACCESS_TOKEN"  # noqa: S105  a name, not a token
PROFILE_VARIABLE: Final = "AMAZON_Q_PROFILE_ARN"
KEY_VARIABLE: Final = "KIRO_API_KEY"


def from_environment() -> TokenProvider:
    """Return a token provider for AMAZON_Q_ACCESS_TOKEN (with AMAZON_Q_PROFILE_ARN), else for KIRO_API_KEY.

    The variables are read once. Raises TokenError when neither is set, or when one holds no token. The
    clients use it by themselves when they are given no login.
    """
    login = environment_login()
    if login is None:
        raise TokenError(f"neither {TOKEN_VARIABLE} nor {KEY_VARIABLE} is set")
    return StaticTokenProvider(login)


def environment_login() -> AccessToken | None:
    """Return the login of the environment; None when there is none. Raises TokenError for a malformed one."""
    token, key = _value(TOKEN_VARIABLE), _value(KEY_VARIABLE)
    if token:
        return AccessToken(token, profile_arn=_value(PROFILE_VARIABLE) or None)
    if key:
        return AccessToken(key, kind=TokenKind.API_KEY, service=LoginService.KIRO)
    return None


def _value(name: str) -> str:
    return os.environ.get(name, "").strip()
