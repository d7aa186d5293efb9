"""The rows of the login database, as the CLIs write them: JSON texts (facts/q-cli.md 1).

Required fields must be there and of their type; unknown ones are kept when a row is written again. Anything
that no CLI writes raises DamagedDatabase, which names the field and never the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, get_args

from stepherd.logins.failures import DamagedDatabase
from stepherd.logins.login import OauthFlow, Profile, Registration, Token
from stepherd.services.aws.regions import is_region
from stepherd.services.json_text import read_json
from stepherd.text.moments import iso_text

__all__ = [
    "from_rfc3339",
    "parse_profile",
    "parse_registration",
    "parse_token",
    "profile_fields",
    "registration_fields",
    "row_object",
    "row_text",
    "to_rfc3339",
    "token_fields",
]

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SAFE: Final = re.compile(r"[!-~]+")
_FLOWS: Final = {**{flow: flow for flow in get_args(OauthFlow)}, "PKCE": "Pkce"}
_REMEDY: Final = "Log in again; the database itself is unchanged."


def row_object(text: object, row: str) -> dict[str, Any] | None:
    """The JSON object in a row's text; None for no row and for JSON null, with which no one is logged in."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise DamagedDatabase(f"The row {row!r} is not text.", remedy=_REMEDY)
    try:
        document = read_json(text)
    except (ValueError, RecursionError):
        raise DamagedDatabase(f"The row {row!r} is not valid JSON.", remedy=_REMEDY) from None
    if document is not None and not isinstance(document, dict):
        raise DamagedDatabase(f"The row {row!r} is not a JSON object.", remedy=_REMEDY)
    return document


def row_text(fields: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> str:
    """The text of a row with ``fields``, and whatever else the row ``before`` had."""
    return json.dumps({**(before or {}), **fields}, separators=(",", ":"))


def parse_token(document: Mapping[str, Any], row: str) -> Token:
    """The token in a row."""
    given = _Row(document, row)
    return Token(
        access_token=given.secret("access_token"),
        expires_at=given.time("expires_at"),
        refresh_token=given.secret("refresh_token") if given.has("refresh_token") else None,
        region=given.region() if given.has("region") else None,
        start_url=given.text("start_url") if given.has("start_url") else None,
        oauth_flow=given.flow(),
        scopes=given.scopes(),
    )


def token_fields(token: Token) -> dict[str, Any]:
    """The fields of the row for ``token``."""
    return {
        "access_token": token.access_token,
        "expires_at": to_rfc3339(token.expires_at),
        "refresh_token": token.refresh_token,
        "region": token.region,
        "start_url": token.start_url,
        "oauth_flow": token.oauth_flow,
        "scopes": None if token.scopes is None else list(token.scopes),
    }


def parse_registration(document: Mapping[str, Any], row: str) -> Registration:
    """The client registration in a row."""
    given = _Row(document, row)
    given.must_name("client_secret_expires_at")
    return Registration(
        client_id=given.secret("client_id"),
        client_secret=given.secret("client_secret"),
        client_secret_expires_at=(
            given.time("client_secret_expires_at") if given.has("client_secret_expires_at") else None
        ),
        region=given.region(),
        oauth_flow=given.flow(),
        scopes=given.scopes(),
    )


def registration_fields(registration: Registration) -> dict[str, Any]:
    """The fields of the row for ``registration``."""
    ends = registration.client_secret_expires_at
    return {
        "client_id": registration.client_id,
        "client_secret": registration.client_secret,
        "client_secret_expires_at": None if ends is None else to_rfc3339(ends),
        "region": registration.region,
        "oauth_flow": registration.oauth_flow,
        "scopes": None if registration.scopes is None else list(registration.scopes),
    }


def parse_profile(document: Mapping[str, Any], row: str) -> Profile:
    """The profile in a row of state."""
    given = _Row(document, row)
    return Profile(arn=given.text("arn"), name=given.text("profile_name"))


def profile_fields(profile: Profile) -> dict[str, Any]:
    """The fields of the row for ``profile``."""
    return {"arn": profile.arn, "profile_name": profile.name}


def from_rfc3339(text: str) -> datetime:
    """The time (UTC) that ``text`` says as RFC 3339 has it; nanoseconds are cut. Raises ValueError."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("not a time as RFC 3339 has it")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


def to_rfc3339(time: datetime) -> str:
    """``time`` as the CLIs write it: UTC, with a Z."""
    return iso_text(time, "auto")


class _Row:
    """A row's fields, each checked when it is asked for."""

    def __init__(self, document: Mapping[str, Any], row: str) -> None:
        self._document = document
        self._row = row

    def has(self, field: str) -> bool:
        """Whether the field is there and not null."""
        return self._document.get(field) is not None

    def must_name(self, field: str) -> None:
        """Refuse a row without the field; it may be null."""
        if field not in self._document:
            raise self._wrong(field, "is missing")

    def text(self, field: str) -> str:
        self.must_name(field)
        value = self._document[field]
        if not isinstance(value, str) or not value or not value.isprintable():
            raise self._wrong(field, "is not plain text")
        return value

    def secret(self, field: str) -> str:
        """A token: printable ASCII without spaces, as it goes into headers."""
        value = self.text(field)
        if not _SAFE.fullmatch(value):
            raise self._wrong(field, "has characters that are not allowed in a token")
        return value

    def time(self, field: str) -> datetime:
        try:
            return from_rfc3339(self.text(field))
        except ValueError:
            raise self._wrong(field, "is not a time") from None

    def region(self) -> str:
        value = self.text("region")
        if not is_region(value):
            raise self._wrong("region", "is not an AWS region")
        return value

    def flow(self) -> OauthFlow:
        found: OauthFlow | None = _FLOWS.get(self.text("oauth_flow"))
        if found is None:
            raise self._wrong("oauth_flow", "is unknown")
        return found

    def scopes(self) -> tuple[str, ...] | None:
        value = self._document.get("scopes")
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
            raise self._wrong("scopes", "is not a list of texts")
        return tuple(value)

    def _wrong(self, field: str, what: str) -> DamagedDatabase:
        return DamagedDatabase(f"In the row {self._row!r}, {field!r} {what}.", remedy=_REMEDY)
