"""Tokens of a CLI that is logged in: through Stepherd, or read from the login database without it.

The database of ``q`` and ``kiro-cli`` is one SQLite file with a table ``auth_kv``. It is opened read-only
here: refreshing a token means writing, which is left to Stepherd and to the CLI itself.
"""

from __future__ import annotations

import importlib
import json
import os
import sqlite3
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ._exceptions import StepherdUnavailableError, TokenError
from ._tokens import AccessToken, TokenProvider

__all__ = ["CliDatabaseTokenProvider", "default_database", "from_cli_database", "from_stepherd"]

TOKEN_KEYS: Final = ("codewhisperer:odic:token", "kirocli:odic:token", "kirocli:social:token")
"""Where the CLIs keep their token, in the order in which they are looked at (they do spell it ``odic``)."""

_BUSY_SECONDS: Final = 5.0
_FACTORY: Final = "token_provider"


def from_cli_database(path: str | os.PathLike[str] | None = None) -> TokenProvider:
    """Return a token provider for the login database at ``path`` (default: that of ``q`` or ``kiro-cli``).

    With Stepherd installed it is Stepherd's, which refreshes tokens. Without it the token is read from the
    file and an expired one is refused. Any object with ``get_token`` (see TokenProvider) serves the clients
    as well.
    """
    database = Path(path) if path is not None else default_database()
    try:
        return from_stepherd(database)
    except StepherdUnavailableError:
        return CliDatabaseTokenProvider(database)


def from_stepherd(path: str | os.PathLike[str]) -> TokenProvider:
    """Return Stepherd's token provider: ``stepherd.logins.token_provider(path)``.

    Raises StepherdUnavailableError when Stepherd is not installed, or when the installed one has no such
    function or returns something that is no TokenProvider.
    """
    try:
        logins = importlib.import_module("stepherd.logins")
    except ImportError as error:
        raise StepherdUnavailableError(f"the module stepherd.logins cannot be imported: {error}") from None
    factory = getattr(logins, _FACTORY, None)
    if not callable(factory):
        raise StepherdUnavailableError(f"the installed Stepherd has no stepherd.logins.{_FACTORY}")
    provider: Any = factory(Path(path))
    if not callable(getattr(provider, "get_token", None)):
        raise StepherdUnavailableError(f"stepherd.logins.{_FACTORY} returned no token provider")
    checked: TokenProvider = provider
    return checked


def default_database() -> Path:
    """Return the database of ``q`` if it exists, else that of ``kiro-cli``."""
    base = _data_folder()
    candidates = [base / name / "data.sqlite3" for name in ("amazon-q", "kiro-cli")]
    return next((path for path in candidates if path.exists()), candidates[0])


def _data_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local")))
    folder = Path(os.environ.get("XDG_DATA_HOME", ""))
    return folder if folder.is_absolute() else Path.home() / ".local" / "share"


class CliDatabaseTokenProvider:
    """Reads the token from the login database each time it is asked; never writes."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = Path(path) if path is not None else default_database()

    def get_token(self, *, refresh: bool = False) -> AccessToken:  # noqa: ARG002  the name is the protocol's
        """Return the token in the database.

        With ``refresh`` the caller holds that it is not good any more; it is read again, as the CLI may have
        refreshed it since. Raises TokenError when there is no readable, unexpired token.
        """
        token = _read_token(_read_row(self._path), self._path)
        if token.expired():
            raise TokenError(
                f"the token in {self._path} ended at {token.expires_at}",
                remedy="Run 'stepherd export-token' or any 'q' command to refresh it, or 'q login'.",
            )
        return token


def _read_row(path: Path) -> str:
    if not path.is_file():
        raise TokenError(f"there is no login database at {path}", remedy="Log in with 'q login'.")
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        ) as db:
            rows = dict(db.execute("SELECT key, value FROM auth_kv WHERE key IN (?, ?, ?)", TOKEN_KEYS))
    except sqlite3.Error as error:
        raise TokenError(f"the login database {path} cannot be read: {error}") from error
    row = next((rows[key] for key in TOKEN_KEYS if rows.get(key) not in (None, "null")), None)
    if not isinstance(row, str):
        raise TokenError(f"nobody is logged in in {path}", remedy="Log in with 'q login'.")
    return row


def _read_token(row: str, path: Path) -> AccessToken:
    try:
        document = json.loads(row)
        return AccessToken(document["access_token"], datetime.fromisoformat(document["expires_at"]))
    except (ValueError, KeyError, TypeError) as error:
        raise TokenError(
            f"the token in {path} cannot be read: {type(error).__name__}",
            remedy="Log in again with 'q login'.",
        ) from None
