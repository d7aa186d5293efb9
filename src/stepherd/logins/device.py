"""The device authorization grant (RFC 8628): a code that a person approves in any browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from stepherd.errors import ProtocolError
from stepherd.logins.hosts import check_identity_provider, check_verification_uri
from stepherd.logins.kinds import DEFAULT_START_URL, LoginKind
from stepherd.logins.login import Registration, Token
from stepherd.logins.oidc import OidcError, call, field_of, seconds_of

__all__ = ["DeviceCode", "PollAnswer", "poll", "register", "start_authorization", "token_of"]

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_DEFAULT_INTERVAL: Final = 5  # RFC 8628, section 3.2
_MOST_INTERVAL: Final = 300
_MOST_SECONDS: Final = 86_400
_MOST_TOKEN_SECONDS: Final = 90 * 86_400


class PollAnswer(StrEnum):
    """The answer to polling while there is no token."""

    PENDING = "pending"
    SLOW_DOWN = "slow_down"
    """Wait five seconds longer between calls from now on (RFC 8628, section 3.5)."""
    EXPIRED = "expired"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A device authorization that waits for a person."""

    user_code: str
    device_code: str = field(repr=False)
    """The secret that the token is asked for with."""
    verification_uri: str
    verification_uri_complete: str
    """With the code in it; as good as ``verification_uri``, and checked like it."""
    expires_at: datetime
    """An aware time in UTC."""
    interval: int
    """Seconds between two calls of ``poll``, at least."""


def register(kind: LoginKind, region: str) -> Registration:
    """Register a client as the CLI of ``kind`` does (RegisterClient; no grant types, no issuer).

    Raises OidcError, TemporaryError, ProtocolError, UsageError for the region.
    """
    request = {"clientName": kind.client_name, "clientType": "public", "scopes": list(kind.scopes)}
    answer = call("register_client", region, request)
    ends = answer.get("clientSecretExpiresAt")
    if not isinstance(ends, int) or not 0 < ends < 2**36:
        raise ProtocolError("The identity provider did not say how long the client is registered.")
    return Registration(
        client_id=field_of(answer, "clientId"),
        client_secret=field_of(answer, "clientSecret"),
        client_secret_expires_at=datetime.fromtimestamp(ends, UTC),
        region=region,
        oauth_flow="DeviceCode",
        scopes=kind.scopes,
    )


def start_authorization(
    registration: Registration, start_url: str = DEFAULT_START_URL, *, now: datetime
) -> DeviceCode:
    """Ask for a code (StartDeviceAuthorization) for the identity provider at ``start_url``.

    Raises ForeignAddress when it, or a page that the answer names, is not on the list of hosts.py; else as
    ``register``.
    """
    request = {**_client(registration), "startUrl": check_identity_provider(start_url)}
    answer = call("start_device_authorization", registration.region, request)
    page = check_verification_uri(field_of(answer, "verificationUri"))
    return DeviceCode(
        user_code=field_of(answer, "userCode"),
        device_code=field_of(answer, "deviceCode"),
        verification_uri=page,
        verification_uri_complete=check_verification_uri(answer.get("verificationUriComplete") or page),
        expires_at=now + timedelta(seconds=seconds_of(answer, "expiresIn", 600, _MOST_SECONDS)),
        interval=seconds_of(answer, "interval", _DEFAULT_INTERVAL, _MOST_INTERVAL),
    )


def poll(
    registration: Registration, device_code: str, start_url: str = DEFAULT_START_URL, *, now: datetime
) -> Token | PollAnswer:
    """Ask once for the token of a device code (CreateToken); never sent twice by itself.

    Raises TemporaryError, after which the same call may be made again, and OidcError.
    """
    request = {**_client(registration), "grantType": _GRANT, "deviceCode": device_code}
    try:
        answer = call("create_token", registration.region, request, attempts=1)
    except OidcError as error:
        if error.code not in _ANSWERS:
            raise
        return _ANSWERS[error.code]
    return token_of(answer, registration, None if start_url == DEFAULT_START_URL else start_url, now=now)


def token_of(answer: Any, registration: Registration, start_url: str | None, *, now: datetime) -> Token:
    """The token in CreateToken's answer. Raises ProtocolError."""
    if not isinstance(answer.get("expiresIn"), int):
        raise ProtocolError("The identity provider did not say how long the token is valid.")
    seconds = seconds_of(answer, "expiresIn", 1, _MOST_TOKEN_SECONDS)
    return Token(
        access_token=field_of(answer, "accessToken"),
        expires_at=now.astimezone(UTC) + timedelta(seconds=seconds),
        refresh_token=field_of(answer, "refreshToken") if answer.get("refreshToken") else None,
        region=registration.region,
        start_url=start_url,
        oauth_flow=registration.oauth_flow,
        scopes=registration.scopes,
    )


def _client(registration: Registration) -> dict[str, str]:
    return {"clientId": registration.client_id, "clientSecret": registration.client_secret}


_ANSWERS: Final = {
    "AuthorizationPending": PollAnswer.PENDING,
    "SlowDown": PollAnswer.SLOW_DOWN,
    "ExpiredToken": PollAnswer.EXPIRED,
    "AccessDenied": PollAnswer.DECLINED,
}
