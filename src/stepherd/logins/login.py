"""A login: the token, the client that it was given to, and the profile that is used with it.

No repr shows a token or a secret, so that no traceback, log or assertion does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from stepherd.logins.kinds import DEFAULT_START_URL, LoginKind

__all__ = [
    "LASTS",
    "MARGIN",
    "Login",
    "OauthFlow",
    "Profile",
    "Registration",
    "Token",
    "is_same_provider",
    "plain_start_url",
]

MARGIN: Final = timedelta(seconds=60)
"""A token that ends within this time counts as ended, as in the CLI."""
LASTS: Final = timedelta(days=89)
"""How long a login can be renewed, nearly: sessions last 90 days at most, as does a new client. A login that
is given to an older client ends with it."""
OauthFlow = Literal["DeviceCode", "Pkce"]


def plain_start_url(url: str | None) -> str | None:
    """A start URL as it is compared: ``…/start``, ``…/start/`` and ``…/start/#`` are the same portal, and so
    is a host in capitals or with the port of https."""
    if url is None:
        return None
    scheme, mark, rest = url.partition("#")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower().removesuffix(':443')}{slash}{path}".rstrip("/")


@dataclass(frozen=True, slots=True)
class Token:
    """The token of the identity provider."""

    access_token: str = field(repr=False)
    expires_at: datetime
    """An aware time in UTC."""
    refresh_token: str | None = field(repr=False, default=None)
    region: str | None = None
    start_url: str | None = None
    """None for AWS Builder ID."""
    oauth_flow: OauthFlow = "DeviceCode"
    scopes: tuple[str, ...] | None = None

    def expired(self, now: datetime) -> bool:
        """Whether the access token ends within the margin."""
        return now + MARGIN > self.expires_at


def is_same_provider(one: Token | None, two: Token | None) -> bool:
    """Whether both tokens are of one identity provider, whose profiles they can be used with."""
    if one is None or two is None:
        return False
    return _provider(one.start_url) == _provider(two.start_url)


def _provider(start_url: str | None) -> str:
    return plain_start_url(start_url) or DEFAULT_START_URL


@dataclass(frozen=True, slots=True)
class Registration:
    """The client that a token was given to; only it can refresh that token."""

    client_id: str
    client_secret: str = field(repr=False)
    client_secret_expires_at: datetime | None
    """Aware, UTC; None is what the CLI takes for no registration at all."""
    region: str
    oauth_flow: OauthFlow = "DeviceCode"
    scopes: tuple[str, ...] | None = None

    def expired(self, now: datetime) -> bool:
        """Whether the client may not be used any more, within the margin."""
        return self.client_secret_expires_at is None or now + MARGIN > self.client_secret_expires_at

    def serves(self, kind: LoginKind, region: str, now: datetime) -> bool:
        """Whether a new device authorization can use this client instead of registering another one: it must
        last as long as the login may."""
        ends = self.client_secret_expires_at
        return (
            ends is not None
            and ends - now >= LASTS
            and self.client_secret != ""
            and self.region == region
            and self.oauth_flow == "DeviceCode"
            and set(self.scopes or ()) == set(kind.scopes)
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile through which a company's subscription is used (IAM Identity Center only)."""

    arn: str
    name: str


@dataclass(frozen=True, slots=True)
class Login:
    """The login in one CLI's database; without a token, no one is logged in."""

    kind: LoginKind
    token: Token | None = None
    registration: Registration | None = None
    profile: Profile | None = None

    def expired(self, now: datetime) -> bool:
        """Whether there is no access token that is good for another minute."""
        return self.token is None or self.token.expired(now)

    @property
    def is_identity_center(self) -> bool:
        """Whether the token is of a company's IAM Identity Center (facts/q-cli.md 2)."""
        return self.token is not None and plain_start_url(self.token.start_url) not in {
            None,
            DEFAULT_START_URL,
        }

    @property
    def account(self) -> str:
        """The logged-in account, as far as a token tells, for people."""
        if self.token is None:
            return "nobody"
        if self.is_identity_center:
            return f"IAM Identity Center ({self.token.start_url})"
        return "Builder ID"

    def secrets(self) -> tuple[str, ...]:
        """Every value that must not be shown."""
        token, registration = self.token, self.registration
        values = (
            token and token.access_token,
            token and token.refresh_token,
            registration and registration.client_secret,
        )
        return tuple(value for value in values if value)
