"""Faults of a login, beside what services report themselves."""

from __future__ import annotations

from stepherd.errors import CredentialsError, DataError, UsageError
from stepherd.remedies import Remedy

__all__ = [
    "DamagedDatabase",
    "LoginNeeded",
    "NewerDatabase",
    "OtherDatabase",
    "ProfileNeeded",
    "login_command",
]


class LoginNeeded(CredentialsError):
    """Only a person can help: no one is logged in, or the login cannot be renewed any more."""

    category = "login_needed"


class DamagedDatabase(DataError):
    """A login database is damaged, not one at all, or holds what no CLI writes; it was left as it is."""

    category = "damaged_login"


class OtherDatabase(DamagedDatabase):
    """A whole SQLite database that has no table for logins: another program's."""


class NewerDatabase(DataError):
    """A newer CLI has changed the database so that its logins cannot be read here; it was left as it is."""

    category = "newer_login"


class ProfileNeeded(UsageError):
    """A login through IAM Identity Center has several profiles, or none; ``names`` are those there are."""

    category = "profile_needed"

    def __init__(self, message: str, names: tuple[str, ...], *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.names = names


def login_command(kind: str) -> str:
    """The command for a person to log in, as the remedy of an error."""
    return Remedy("Log in with: ", ("login", "--agent", kind))
