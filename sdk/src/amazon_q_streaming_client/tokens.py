"""Logins: access tokens, and where they come from."""

from __future__ import annotations

from ._environment import from_environment
from ._login import CliDatabaseTokenProvider, default_database, from_cli_database, from_stepherd
from ._tokens import (
    AccessToken,
    AsyncTokenProvider,
    LoginService,
    StaticTokenProvider,
    TokenKind,
    TokenProvider,
)

__all__ = [
    "AccessToken",
    "AsyncTokenProvider",
    "CliDatabaseTokenProvider",
    "LoginService",
    "StaticTokenProvider",
    "TokenKind",
    "TokenProvider",
    "default_database",
    "from_cli_database",
    "from_environment",
    "from_stepherd",
]
