"""Handing a token to other programs: as JSON, and as the token provider of the streaming client."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepherd.errors import ConfigurationError, StepherdError
from stepherd.logins.database import read_login
from stepherd.logins.failures import LoginNeeded, login_command
from stepherd.logins.kinds import DEFAULT_KIND, DEFAULT_REGION, LoginKind, login_kind, login_kinds
from stepherd.logins.location import LoginLocation, StoredLogin
from stepherd.logins.login import Login
from stepherd.logins.opening import open_location
from stepherd.logins.other_tokens import other_token
from stepherd.logins.renewal import ensure_fresh
from stepherd.logins.rows import from_rfc3339, to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LoginTokenProvider", "exported", "exported_other", "kind_of", "token_provider"]


def exported(login: Login) -> Mapping[str, str | None]:
    """The means to call the service as this login: tokens, when they end, and where they are for.

    ``expiresAt`` is RFC 3339. ``profileArn`` is None for Builder ID, which is refused with one that another
    login left. ``region`` is that of the service. Raises LoginNeeded.
    """
    token = login.token
    if token is None:
        raise LoginNeeded(
            f"No one is logged in to {login.kind.title}.", remedy=login_command(login.kind.name)
        )
    arn = login.profile.arn if login.profile is not None and login.is_identity_center else None
    return {
        "accessToken": token.access_token,
        "refreshToken": token.refresh_token,
        "expiresAt": to_rfc3339(token.expires_at),
        "tokenType": "BEARER",
        "profileArn": arn,
        "region": _service_region(arn),
        "service": login.kind.name,
    }


def exported_other(
    location: LoginLocation, now: datetime, *, refused: str | None = None
) -> Mapping[str, str | None] | None:
    """The same for a token that Stepherd cannot renew (other_tokens.py); None when there is no such token.

    Raises LoginNeeded when it has ended, or is the one that was ``refused``.
    """
    token = other_token(location, now, refused=refused)
    if token is None:
        return None
    return {
        "accessToken": token.access_token,
        "refreshToken": token.refresh_token,
        "expiresAt": to_rfc3339(token.expires_at),
        "tokenType": "EXTERNAL_IDP" if token.is_external else "BEARER",
        "profileArn": token.profile_arn,
        "region": _service_region(token.profile_arn),
        "service": location.kind.name,
    }


def _service_region(arn: str | None) -> str:
    """The service's region for a login: its profile's, as the CLI chooses it (facts/q-cli.md 4)."""
    parts = (arn or "").split(":")
    return (parts[3] if len(parts) > 3 else "") or DEFAULT_REGION


def kind_of(path: Path) -> LoginKind:
    """The kind of the login in the database at ``path``: by its folder, else by the rows that are there.

    Raises NotFoundError, DamagedDatabase, LoginNeeded when no one is logged in in it.
    """
    kinds = [login_kind(name) for name in login_kinds()]
    by_folder = sorted(kinds, key=lambda kind: kind.folder != path.absolute().parent.name)
    for kind in by_folder:
        if read_login(path, kind).token is not None:
            return kind
    raise LoginNeeded(f"There is no login in {os.fspath(path)!r}.", remedy=login_command(by_folder[0].name))


def token_provider(path: str | os.PathLike[str], *, kind: str | None = None) -> LoginTokenProvider:
    """A ``TokenProvider`` for the streaming client, which asks it for tokens of a login database.

    ``path`` may also be ``s3://…`` as text; then ``kind`` (default ``q``) says whose it is. Nothing is read
    before the first token is asked for. Raises UsageError for a kind that there is not.
    """
    return LoginTokenProvider(os.fspath(path), None if kind is None else login_kind(kind))


class LoginTokenProvider:
    """Gives the token of a login database, renewed and stored when it has ended."""

    def __init__(self, reference: str, kind: LoginKind | None) -> None:
        self._reference = reference
        self._kind = kind
        self._given: str | None = None

    def get_token(self, *, refresh: bool = False) -> Any:
        """A login (``amazon_q_streaming_client.AccessToken``) whose token is good for a minute at least.

        With ``refresh`` the service refused the last one: another one is given, that another process stored
        in the meantime or a renewed one. Raises the client's TokenError with our remedy; ConfigurationError
        when the client is not installed.
        """
        client = _client()
        try:
            given = self._exported(refresh)
        except StepherdError as error:
            raise client.TokenError(error.message, remedy=error.remedy) from error
        self._given = given["accessToken"]
        return client.AccessToken(
            given["accessToken"],
            from_rfc3339(given["expiresAt"] or ""),
            kind=given["tokenType"],
            profile_arn=given["profileArn"],
            region=given["region"],
            service=given["service"],
        )

    def _exported(self, refused: bool) -> Mapping[str, str | None]:
        """A token that can be renewed goes first; failing that, one that only the CLI can renew."""
        try:
            return exported(self._stored(refused).login)
        except LoginNeeded:
            given = self._given if refused else None
            for location in self._locations():
                found = exported_other(location, datetime.now(UTC), refused=given)
                if found is not None:
                    return found
            raise

    def _stored(self, refused: bool) -> StoredLogin:
        location = self._location()
        if refused and self._given is None and (found := location.load()) is not None:
            self._given = exported(found.login)["accessToken"]
        return ensure_fresh(location, datetime.now(UTC), refused=self._given if refused else None)

    def _locations(self) -> list[LoginLocation]:
        kinds = [login_kind(name) for name in login_kinds()] if self._kind is None else [self._kind]
        return [open_location(kind, self._reference) for kind in kinds]

    def _location(self) -> LoginLocation:
        if self._kind is None:
            is_path = "://" not in self._reference
            self._kind = kind_of(Path(self._reference)) if is_path else login_kind(DEFAULT_KIND)
        return open_location(self._kind, self._reference)


def _client() -> Any:
    try:
        return import_module("amazon_q_streaming_client")
    except ImportError as error:
        raise ConfigurationError(
            "This needs the streaming client, which is not installed.",
            remedy="Install it: pip install amazon-q-streaming-client",
        ) from error
