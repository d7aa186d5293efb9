"""Tokens of a CLI that is logged in: through Stepherd, or read from the login database without it.

The database of ``q`` and ``kiro-cli`` is one SQLite file with a table ``auth_kv``. It is opened read-only
here: refreshing a token means writing, which is left to Stepherd and to the CLI itself.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from ._login_rows import PROFILE_KEY, TOKEN_ROWS, Kept, TokenRow, login_of
from ._tokens import AccessToken, LoginService, TokenProvider
from .errors import ConfigurationError, StepherdUnavailableError, TokenError

__all__ = ["CliDatabaseTokenProvider", "default_database", "from_cli_database", "from_stepherd"]

_BUSY_SECONDS: Final = 5.0
_FACTORY: Final = "token_provider"
_SELECT: Final = (
    f"SELECT key, value FROM auth_kv WHERE key IN ({', '.join('?' for _ in TOKEN_ROWS)}) "  # noqa: S608
    "AND value IS NOT NULL AND value <> 'null'"
)
_MAX_ROW: Final = 1024 * 1024
"""The most bytes of a row; a login has some 3,000."""
_ROUND: Final = 10_000
_MAX_ROUNDS: Final = 2_000
"""How many rounds of so many instructions SQLite may take; reading a login takes less than one."""


def from_cli_database(path: str | os.PathLike[str] | None = None) -> TokenProvider:
    """Return a token provider for the login database at ``path`` (default: that of ``q`` or ``kiro-cli``).

    With Stepherd installed it is Stepherd's, which refreshes tokens. Without it the token is read from the
    file and an expired one is refused. Any object with ``get_token`` (see TokenProvider) serves the clients
    as well.
    """
    try:
        return from_stepherd(path)
    except StepherdUnavailableError:
        return CliDatabaseTokenProvider(path)


def from_stepherd(path: str | os.PathLike[str] | None = None) -> TokenProvider:
    """Return Stepherd's token provider: ``stepherd.logins.token_provider(path)``.

    ``path`` is that of a login database (default: that of ``q`` or ``kiro-cli``), or another place that
    Stepherd knows, as ``s3://bucket/key``. Raises StepherdUnavailableError when Stepherd is not installed,
    or when the installed one has no such function or returns something that is no TokenProvider, and
    TokenError when it refuses the place.
    """
    _path(path)
    try:
        logins = importlib.import_module("stepherd.logins")
    except Exception as error:  # noqa: BLE001  a broken installation raises anything
        raise StepherdUnavailableError(f"the module stepherd.logins cannot be imported: {error}") from None
    factory = getattr(logins, _FACTORY, None)
    if not callable(factory):
        raise StepherdUnavailableError(f"the installed Stepherd has no stepherd.logins.{_FACTORY}")
    try:
        # As it was given: a Path would make one slash of the two in s3://.
        provider: Any = factory(_path(None) if path is None else path)
    except Exception as error:
        raise TokenError(f"Stepherd does not take this login database: {error}") from error
    if not callable(getattr(provider, "get_token", None)):
        raise StepherdUnavailableError(f"stepherd.logins.{_FACTORY} returned no token provider")
    checked: TokenProvider = provider
    return checked


def default_database() -> Path:
    """Return the database of ``q`` if it exists, else that of ``kiro-cli``.

    Raises TokenError where there is no home folder.
    """
    base = _data_folder()
    candidates = [base / name / "data.sqlite3" for name in ("amazon-q", "kiro-cli")]
    return next((path for path in candidates if _is_file(path)), candidates[0])


def _path(path: object) -> Path:
    if path is None:
        return default_database()
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(f"the path of a login database cannot be {type(path).__name__}")
    return Path(path)


def _data_folder() -> Path:
    if sys.platform == "darwin":
        return _home() / "Library" / "Application Support"
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA")
        return Path(folder) if folder else _home() / "AppData" / "Local"
    folder = os.environ.get("XDG_DATA_HOME", "")
    return Path(folder) if Path(folder).is_absolute() else _home() / ".local" / "share"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise TokenError(
            "there is no home folder to look for a login in",
            remedy="Set HOME, or give the path of the database.",
        ) from None


class CliDatabaseTokenProvider:
    """Reads the login from its database each time it is asked; never writes."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = _path(path)

    def get_token(self, *, refresh: bool = False) -> AccessToken:  # noqa: ARG002  the name is the protocol's
        """Return the login in the database: the token with its profile, kind and service.

        Of several, it is the first that has not ended; a database of ``kiro-cli`` may still hold the rows
        that it took over from ``q``, so its own go first there. With ``refresh`` the caller holds that the
        token is not good any more; it is read again, as the CLI may have refreshed it since. Raises
        TokenError when there is no readable, unexpired token.
        """
        rows, profile = _read_rows(self._path)
        if not rows:
            raise TokenError(f"nobody is logged in in {self._path}", remedy=_LOG_IN)
        ended: TokenError | None = None
        for row, text in rows:
            token = login_of(row, text, profile, self._path)
            if not token.expired():
                return token
            ended = ended or _ended(token, row, self._path)
        assert ended is not None
        raise ended


_LOG_IN: Final = "Log in with 'q login' or 'kiro-cli login'."


def _ended(token: AccessToken, row: TokenRow, path: Path) -> TokenError:
    remedy = "Run 'stepherd export-token' or any 'q' command to refresh it, or 'q login'."
    if row.service is LoginService.KIRO:
        remedy = "Run any 'kiro-cli' command to refresh it, or 'kiro-cli login'."
    return TokenError(f"the token in {path} ended at {token.expires_at}", remedy=remedy)


def _read_rows(path: Path) -> tuple[list[tuple[TokenRow, Kept]], Kept]:
    """Return the rows that hold a token, in the order to look at them, and that of the profile."""
    if not _is_file(path):
        raise TokenError(f"there is no login database at {path}", remedy=_LOG_IN)
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        ) as db:
            _set_bounds(db)
            found = {key: Kept(value) for key, value in db.execute(_SELECT, [row.key for row in TOKEN_ROWS])}
            profile = _profile_row(db)
    except sqlite3.Error as error:
        raise TokenError(f"the login database {path} cannot be read: {error}", remedy=_LOG_IN) from error
    rows = sorted(TOKEN_ROWS, key=lambda row: row.service is LoginService.Q and _is_of_kiro(path))
    return [(row, found[row.key]) for row in rows if row.key in found], profile


def _set_bounds(db: sqlite3.Connection) -> None:
    """A file that is no login database, or was made to harm, costs neither the memory nor the time of all."""
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_ROW)
    rounds = iter(range(_MAX_ROUNDS))
    db.set_progress_handler(lambda: next(rounds, None) is None, _ROUND)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have, or a folder that may not be read
        return False


def _profile_row(db: sqlite3.Connection) -> Kept:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone():
        return Kept(None)
    row = db.execute("SELECT value FROM state WHERE key = ?", (PROFILE_KEY,)).fetchone()
    return Kept(row[0] if row else None)


def _is_of_kiro(path: Path) -> bool:
    return path.absolute().parent.name == "kiro-cli"
