"""What the rows of a login database say: the token, its kind, its profile and its region.

The rows and their fields are those that ``q`` writes and that others have seen ``kiro-cli`` write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ._tokens import AccessToken, LoginService, TokenKind, arn_region
from .errors import TokenError

__all__ = ["PROFILE_KEY", "TOKEN_ROWS", "Kept", "TokenRow", "login_of"]

PROFILE_KEY: Final = "api.codewhisperer.profile"
"""The row of ``state`` with the profile that was chosen after the login."""
_BUILDER_ID: Final = "https://view.awsapps.com/start"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A row of ``auth_kv`` that can hold a token. ``sso``: a token of AWS's OIDC, which has a start URL."""

    key: str
    service: LoginService
    kind: TokenKind = TokenKind.BEARER
    sso: bool = False


TOKEN_ROWS: Final = (
    TokenRow("codewhisperer:odic:token", LoginService.Q, sso=True),
    TokenRow("kirocli:odic:token", LoginService.KIRO, sso=True),
    TokenRow("kirocli:social:token", LoginService.KIRO),
    TokenRow("kirocli:external-idp:token", LoginService.KIRO, TokenKind.EXTERNAL_IDP),
)
"""Where the CLIs keep their token, in the order in which they are looked at (they do spell it ``odic``)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value of the database. Crash reports show the variables of a traceback; they do not show this one."""

    value: object = field(repr=False)


def login_of(row: TokenRow, text: Kept, profile: Kept, path: Path) -> AccessToken:
    """Return the login in a row's text and the profile's; raise TokenError when the token cannot be read."""
    found = _read(row, text, profile)
    if isinstance(found, AccessToken):
        return found
    raise TokenError(
        f"the token in {path} cannot be read: {found}",
        remedy="Log in again with 'q login' or 'kiro-cli login'.",
    )


def _read(row: TokenRow, text: Kept, profile: Kept) -> AccessToken | str:
    """Return the login, or why there is none: an error from here would carry the row in its traceback."""
    try:
        document = json.loads(_text(text.value))
        return AccessToken(
            document["access_token"],
            datetime.fromisoformat(document["expires_at"]),
            kind=row.kind,
            profile_arn=_profile_of(row, document, profile.value),
            service=row.service,
        )
    except TokenError as error:
        return error.message
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return type(error).__name__


def _profile_of(row: TokenRow, document: Mapping[str, Any], profile: object) -> str | None:
    """The profile in the token's own row, else the chosen one, which never belongs to Builder ID.

    A profile that an earlier login left is refused by the service when a token of Builder ID comes with it.
    """
    own = document.get("profile_arn")
    if own is not None and arn_region(own) is not None:
        return str(own)
    if row.sso and document.get("start_url") in {None, _BUILDER_ID}:
        return None
    return _chosen(profile)


def _chosen(profile: object) -> str | None:
    try:
        arn = json.loads(_text(profile))["arn"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return arn if arn_region(arn) is not None else None


def _text(value: object) -> str:
    """A row's text; ``state`` has a column of blobs, and text that was stored as one is still text."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if not isinstance(value, str):
        raise TypeError("not text")
    return value
