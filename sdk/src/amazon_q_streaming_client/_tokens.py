"""Access tokens and where they come from."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from ._exceptions import TokenError

__all__ = [
    "AccessToken",
    "AsyncTokenProvider",
    "StaticTokenProvider",
    "TokenCache",
    "TokenKind",
    "TokenProvider",
]

_MARGIN: Final = timedelta(seconds=60)
_HEADER_SAFE: Final = re.compile(r"[!-~]+")


class TokenKind(StrEnum):
    """How a token is sent: a bearer token of a login, or an API key (``TokenType: API_KEY``)."""

    BEARER = "BEARER"
    API_KEY = "API_KEY"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token, and when it stops being good (aware datetime; None: not known). Its value is not in its repr.

    Raises TokenError for a value that cannot stand in a header and for an ``expires_at`` without a time zone.
    """

    value: str = field(repr=False)
    expires_at: datetime | None = None
    kind: TokenKind = TokenKind.BEARER

    def __post_init__(self) -> None:
        if not _HEADER_SAFE.fullmatch(self.value):
            raise TokenError("the access token is empty or has characters that no token has (as a line end)")
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise TokenError("the end of the access token has no time zone")

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
