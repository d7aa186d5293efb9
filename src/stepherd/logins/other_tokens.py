"""Tokens of logins that Stepherd cannot make or renew: social ones and those of external identity providers.

Only ``kiro-cli`` writes them (facts/q-cli.md 1; third-party, so unknown fields are left alone). One that is
good for a minute counts as a login, for runs as for programs. The CLI alone renews it, also inside of a run,
in that run's copy, which is not taken back: a token that is stored ends when it says so, and then a person
logs in, with kiro-cli or by ``stepherd login``. That deletes these rows: the CLI must not go by an old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stepherd.logins.checks import checked_copy, text_of
from stepherd.logins.failures import DamagedDatabase, LoginNeeded
from stepherd.logins.kinds import LoginKind
from stepherd.logins.location import LoginLocation
from stepherd.logins.login import MARGIN
from stepherd.logins.rows import from_rfc3339, parse_profile, row_object

__all__ = ["OtherToken", "other_token"]

_EXTERNAL = "external-idp"


@dataclass(frozen=True, slots=True)
class OtherToken:
    """A token as the CLI keeps it, and the profile that is used with it."""

    access_token: str = field(repr=False)
    expires_at: datetime
    """An aware time in UTC."""
    refresh_token: str | None = field(repr=False)
    is_external: bool
    """Whether an external identity provider gave it; it is then sent as such."""
    profile_arn: str | None

    @property
    def account(self) -> str:
        """Whose it is, as far as is known, for people."""
        return "external identity provider" if self.is_external else "social login"

    def expired(self, now: datetime) -> bool:
        """Whether it ends within the margin."""
        return now + MARGIN > self.expires_at


def other_token(location: LoginLocation, now: datetime, *, refused: str | None = None) -> OtherToken | None:
    """The first of the login's other tokens that is good for a minute; None when there are none at all.

    ``refused`` is a token that the service did not accept. Raises LoginNeeded when all have ended, and
    DamagedDatabase for what no CLI writes.
    """
    tokens = _tokens(location)
    for token in tokens:
        if not token.expired(now) and token.access_token != refused:
            return token
    if not tokens:
        return None
    raise LoginNeeded(
        f"The token of {location.kind.title} has expired, and only the CLI itself can renew it.",
        remedy="Run any kiro-cli command that needs the login, or kiro-cli login.",
    )


def _tokens(location: LoginLocation) -> list[OtherToken]:
    if not location.kind.other_rows:
        return []
    with TemporaryDirectory(prefix="stepherd-login-") as folder:
        copy = Path(folder) / "data.sqlite3"
        if not location.download(copy):
            return []
        with checked_copy(copy) as db:
            chosen = row_object(text_of(db, "state", location.kind.profile_key), location.kind.profile_key)
            rows = {row: row_object(text_of(db, "auth_kv", row), row) for row in location.kind.other_rows}
    return [_read(row, document, chosen, location.kind) for row, document in rows.items() if document]


def _read(
    row: str, document: Mapping[str, Any], chosen: Mapping[str, Any] | None, kind: LoginKind
) -> OtherToken:
    try:
        arn = document.get("profile_arn") or (parse_profile(chosen, kind.profile_key).arn if chosen else None)
        return OtherToken(
            _text(document["access_token"]),
            from_rfc3339(_text(document["expires_at"])),
            document.get("refresh_token") and _text(document["refresh_token"]),
            is_external=_EXTERNAL in row,
            profile_arn=arn and _text(arn),
        )
    except (KeyError, TypeError, ValueError):
        raise DamagedDatabase(
            f"The row {row!r} is not a token as the CLI writes it.",
            remedy="Log in again with the CLI; the database itself is unchanged.",
        ) from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise ValueError("not plain text")
    return value
