"""The kinds of logins: where an agent's CLI keeps its login, and under which names (facts/q-cli.md 1).

Everything that is a CLI's own choice stands here and nowhere else; ``STEPHERD_<KIND>_LOGIN`` replaces
any of it (kind_overrides.py). A CLI's folder is below the user's data folder:

=======  ==========================================================
Linux    $XDG_DATA_HOME when that is absolute, else ~/.local/share
macOS    ~/Library/Application Support
Windows  %LOCALAPPDATA%, else AppData/Local below the home
=======  ==========================================================
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Final

from stepherd.errors import ConfigurationError, UsageError
from stepherd.logins.kind_overrides import overrides_of, variable_of

__all__ = [
    "DATABASE_NAME",
    "DATABASE_VARIABLE",
    "DATA_VARIABLE",
    "DEFAULT_KIND",
    "DEFAULT_REGION",
    "DEFAULT_START_URL",
    "LoginKind",
    "login_kind",
    "login_kinds",
    "user_database",
]

DEFAULT_START_URL: Final = "https://view.awsapps.com/start"
"""Of AWS Builder ID, which is free; any other start URL is a company's IAM Identity Center."""
DEFAULT_REGION: Final = "us-east-1"
"""Of AWS Builder ID."""
DEFAULT_KIND: Final = "q"
"""Whose login is meant where nothing says so."""
DATABASE_VARIABLE: Final = "Q_DATABASE_S3_URI"
"""The environment variable that says where the login of that kind is kept, as does a stack's parameter."""
DATABASE_NAME: Final = "data.sqlite3"
"""What every CLI calls its database."""
DATA_VARIABLE: Final = "XDG_DATA_HOME"
"""The environment variable that moves the user's data folder on Linux."""
_SCOPES: Final = tuple(f"codewhisperer:{name}" for name in ("completions", "analysis", "conversations"))


@dataclass(frozen=True, slots=True)
class LoginKind:
    """One CLI's way of keeping its login."""

    name: str
    """As in the request's agent and in ``stepherd login --agent``."""
    title: str
    """The name that people know."""
    program: str
    """The CLI's own command."""
    folder: str
    """The CLI's folder below the user's data folder; data.sqlite3 lies in it."""
    client_name: str
    """The name of the CLI as a client of the identity provider."""
    scopes: tuple[str, ...]
    row: str
    """The row of auth_kv that holds the token."""
    registration_row: str
    """The row of auth_kv that holds the client registration."""
    other_rows: tuple[str, ...] = ()
    """Rows that hold tokens of other ways to log in, which we carry along and cannot refresh."""
    profile_key: str = "api.codewhisperer.profile"
    """The row of state that holds the chosen profile."""


_KINDS: Final = {
    kind.name: kind
    for kind in (
        LoginKind(
            name=DEFAULT_KIND,
            title="Amazon Q Developer",
            program="q",
            folder="amazon-q",
            client_name="Amazon Q Developer for command line",
            scopes=_SCOPES,
            row="codewhisperer:odic:token",
            registration_row="codewhisperer:odic:device-registration",
        ),
        LoginKind(
            name="kiro",
            title="Kiro",
            program="kiro-cli",
            folder="kiro-cli",
            client_name="Kiro CLI",
            scopes=_SCOPES,
            row="kirocli:odic:token",
            registration_row="kirocli:odic:device-registration",
            other_rows=("kirocli:social:token", "kirocli:external-idp:token"),
        ),
    )
}
_REPLACEABLE: Final = {
    field.name: tuple if str(field.type).startswith("tuple") else str
    for field in fields(LoginKind)
    if field.name != "name"
}


def login_kinds() -> tuple[str, ...]:
    """The names that ``login_kind`` knows."""
    return tuple(_KINDS)


def login_kind(name: str) -> LoginKind:
    """The kind of that name, as ``STEPHERD_<NAME>_LOGIN`` changes it.

    Raises UsageError listing the known ones, and ConfigurationError when the variable is not acceptable.
    """
    if name not in _KINDS:
        raise UsageError(
            f"There is no kind of login called {name!r}.", remedy=f"The kinds are {', '.join(_KINDS)}."
        )
    changed = overrides_of(name, _REPLACEABLE, os.environ)
    return _checked(replace(_KINDS[name], **changed)) if changed else _KINDS[name]


def user_database(kind: LoginKind, home: Path | None = None) -> Path:
    """Where the CLI of this user keeps its login (the table at the top).

    With ``home``, where a CLI that runs with that home keeps it: an agent's environment has HOME and none of
    the variables that move the folder elsewhere.
    """
    return _data_folder(home, system()) / kind.folder / DATABASE_NAME


def system() -> str:
    """The operating system, as ``sys.platform`` names it."""
    return sys.platform


def _data_folder(home: Path | None, on: str) -> Path:
    own = home or Path.home()
    if on == "darwin":
        return own / "Library" / "Application Support"
    variable = "LOCALAPPDATA" if on == "win32" else DATA_VARIABLE
    named = Path("" if home else os.environ.get(variable, ""))
    return named if named.is_absolute() else own / Path("AppData/Local" if on == "win32" else ".local/share")


def _checked(kind: LoginKind) -> LoginKind:
    variable = variable_of(kind.name)
    parts = PurePosixPath(kind.folder).parts
    if not parts or kind.folder.startswith("/") or ".." in parts:
        raise ConfigurationError(
            f"{variable}: the folder {kind.folder!r} is not below the user's data folder.",
            remedy="Use a path relative to it, such as kiro-cli.",
        )
    rows = (kind.row, kind.registration_row, kind.profile_key, *kind.other_rows)
    if not all((*rows, *kind.scopes, kind.client_name, kind.title, kind.program)) or len({*rows}) != len(
        rows
    ):
        raise ConfigurationError(f"{variable} leaves a name empty, or uses one twice.")
    return kind
