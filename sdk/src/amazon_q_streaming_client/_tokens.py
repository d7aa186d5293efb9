"""Access tokens and where they come from."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from .errors import TokenError

__all__ = [
    "AccessToken",
    "AsyncTokenProvider",
    "LoginService",
    "StaticTokenProvider",
    "TokenCache",
    "TokenKind",
    "TokenProvider",
    "arn_region",
]

_MARGIN: Final = timedelta(seconds=60)
_HEADER_SAFE: Final = re.compile(r"[!-~]+")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:(?P<region>[a-z0-9-]*):[0-9]*:\S+")


def arn_region(arn: object) -> str | None:
    """Return the region in a profile ARN (may be empty); None for what is not an ARN."""
    match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    return match["region"] if match else None


class TokenKind(StrEnum):
    """How a token is sent: plain, or with the header ``TokenType`` that API keys and external IdPs need."""

    BEARER = "BEARER"
    API_KEY = "API_KEY"
    EXTERNAL_IDP = "EXTERNAL_IDP"


class LoginService(StrEnum):
    """Whose login a token is of; the two have different hosts."""

    Q = "q"
    KIRO = "kiro"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A login as every call uses it: the token, its kind, whose it is, and the profile and region it is for.

    ``expires_at`` is an aware datetime (None: not known). ``profile_arn`` is the profile of a company's
    subscription; Builder ID has none. ``region`` is that of the service, not of the identity provider, and
    is used where there is no profile. The value is not in the repr.

    Raises TokenError for a value that cannot stand in a header, an ``expires_at`` without a time zone, a
    ``profile_arn`` that is not an ARN and a ``kind`` or ``service`` that does not exist.
    """

    value: str = field(repr=False)
    expires_at: datetime | None = None
    kind: TokenKind = TokenKind.BEARER
    profile_arn: str | None = None
    region: str | None = None
    service: LoginService = LoginService.Q

    def __post_init__(self) -> None:
        if not isinstance(self.value, str) or not _HEADER_SAFE.fullmatch(self.value):
            raise TokenError("the access token is empty or has characters that no token has (as a line end)")
        if self.expires_at is not None:
            if not isinstance(self.expires_at, datetime):
                raise TokenError("the end of the access token is not a datetime")
            if self.expires_at.tzinfo is None:
                raise TokenError("the end of the access token has no time zone")
        if self.profile_arn is not None and arn_region(self.profile_arn) is None:
            raise TokenError("the profile of the access token is not an ARN")
        if self.region is not None and not isinstance(self.region, str):
            raise TokenError("the region of the access token is not text")
        for name, kind in (("kind", TokenKind), ("service", LoginService)):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in list(kind):
                raise TokenError(f"the {name} of the access token must be {' or '.join(kind)}")
            object.__setattr__(self, name, kind(value))

    def expired(self, now: datetime | None = None) -> bool:
        """Whether the token ends within the next 60 seconds, the margin of the CLI."""
        return self.expires_at is not None and (now or datetime.now(UTC)) + _MARGIN > self.expires_at


class TokenProvider(Protocol):
    """Anything that can be asked for a token; this is all that the clients need of a login.

    ``get_token`` may block: the async client calls it in a thread. It is asked again when the token it gave
    ends, and with ``refresh=True``, once, when the service says that the token is not good any more: it
    should then return another one, or raise TokenError.
    """

    def get_token(self, *, refresh: bool = False) -> AccessToken: ...


class AsyncTokenProvider(Protocol):
    """The same for the async client, as a coroutine."""

    def get_token(self, *, refresh: bool = False) -> Awaitable[AccessToken]: ...


AnyTokenProvider: TypeAlias = TokenProvider | AsyncTokenProvider


@dataclass(frozen=True, slots=True)
class StaticTokenProvider:
    """A token that was handed over and cannot be refreshed."""

    token: AccessToken

    def __post_init__(self) -> None:
        if not isinstance(self.token, AccessToken):
            raise TokenError(f"the token must be an AccessToken, not {type(self.token).__name__}")

    def get_token(self, *, refresh: bool = False) -> AccessToken:
        """Return the token; raise TokenError when another one is asked for, or when it has ended."""
        if refresh:
            raise TokenError("the service does not accept the access token, and it cannot be refreshed")
        if self.token.expired():
            raise TokenError(f"the access token ended at {self.token.expires_at}")
        return self.token


class TokenCache:
    """The token in use: asked for once, and again when it ends or is refused."""

    def __init__(self) -> None:
        self._token: AccessToken | None = None

    def current(self, refused: AccessToken | None) -> AccessToken | None:
        """Return the token to use, or None when the provider must be asked.

        ``refused`` is the token that the service did not accept. When another call has replaced it since, the
        replacement is good.
        """
        token = self._token
        if token is None or token.expired() or (refused is not None and token.value == refused.value):
            return None
        return token

    def store(self, token: object) -> AccessToken:
        """Keep what a provider returned; raise TokenError when it is not a token."""
        if not isinstance(token, AccessToken):
            raise TokenError(f"the token provider returned {type(token).__name__}, not AccessToken")
        self._token = token
        return token
