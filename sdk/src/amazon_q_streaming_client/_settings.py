"""What both clients are made with."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypedDict

from ._endpoints import EndpointChoice, EndpointOption
from ._exceptions import ConfigurationError
from ._retry import RetryPolicy
from ._tokens import AccessToken, AnyTokenProvider, LoginService, StaticTokenProvider, TokenKind
from ._version import __version__

if TYPE_CHECKING:
    import ssl

__all__ = ["OPERATION_NAMES", "ClientOptions", "Settings", "WireForm"]

OPERATION_NAMES: Final = (
    "GenerateAssistantResponse",
    "SendMessage",
    "ListAvailableModels",
    "ListAvailableProfiles",
    "GetUsageLimits",
)
"""The operations that there are; a test holds them against ``_operations``."""


class WireForm(StrEnum):
    """The two equivalent forms of the API: that of the CLI (the default) and that of the language servers."""

    AWS_JSON = "awsJson1.0"
    REST_JSON = "restJson1"


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of QStreamingClient and QStreamingClientSync.

    Exactly one of ``access_token``, ``api_key`` and ``token_provider`` says who asks.

    - ``access_token``: the token of a login; it cannot be refreshed.
    - ``api_key``: an API key, sent with ``TokenType: API_KEY``.
    - ``token_provider``: anything with ``get_token(refresh=...)``, see TokenProvider.
    - ``profile_arn``: the profile of a company's subscription, in place of that of the login; it also chooses
      the region.
    - ``region``: us-east-1 or eu-central-1; goes before the region of the profile.
    - ``endpoint``: another base URL (https, or http on loopback), or one for each named operation, as
      ``{"ListAvailableModels": "https://..."}``. Without it ENDPOINTS says which host to ask.
    - ``wire_form``: the form of the API, by default that of the CLI.
    - ``opt_out``: whether the content must not be used to improve the service (default False, as the CLI).
    - ``retry``: how often and how patiently to retry before the first event.
    - ``timeout``: seconds without a byte before giving up (default 300, as the CLI).
    - ``connect_timeout``: seconds to connect (default 10).
    - ``http2``: whether to offer HTTP/2 (needs the extra ``http2``).
    - ``max_connections``: how many connections are open at a time (default 100).
    - ``user_agent``: text that goes before the user agent of this package.
    - ``verify``: an SSL context in place of the default one.
    """

    access_token: str
    api_key: str
    token_provider: AnyTokenProvider
    profile_arn: str | None
    region: str | None
    endpoint: EndpointOption | None
    wire_form: WireForm
    opt_out: bool
    retry: RetryPolicy
    timeout: float
    connect_timeout: float
    http2: bool
    max_connections: int
    user_agent: str
    verify: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked client options."""

    provider: AnyTokenProvider
    hosts: EndpointChoice
    wire_form: WireForm
    opt_out: bool
    retry: RetryPolicy
    timeout: float
    connect_timeout: float
    http2: bool
    max_connections: int
    user_agent: str
    verify: ssl.SSLContext | None

    @classmethod
    def from_options(cls, options: ClientOptions) -> Settings:
        """Check ``options``; raise ConfigurationError or TokenError."""
        unknown = options.keys() - ClientOptions.__annotations__.keys()
        if unknown:
            raise TypeError(f"unknown client options: {', '.join(sorted(unknown))}")
        return cls(
            provider=_provider(options),
            hosts=EndpointChoice.from_options(
                options.get("endpoint"), options.get("region"), options.get("profile_arn"), OPERATION_NAMES
            ),
            wire_form=WireForm(options.get("wire_form", WireForm.AWS_JSON)),
            opt_out=options.get("opt_out", False),
            retry=options.get("retry", RetryPolicy()),
            timeout=_positive("timeout", options.get("timeout", 300.0)),
            connect_timeout=_positive("connect_timeout", options.get("connect_timeout", 10.0)),
            http2=options.get("http2", False),
            max_connections=int(_positive("max_connections", options.get("max_connections", 100))),
            user_agent=_user_agent(options.get("user_agent", "")),
            verify=options.get("verify"),
        )


def _provider(options: ClientOptions) -> AnyTokenProvider:
    given = [name for name in ("access_token", "api_key", "token_provider") if options.get(name) is not None]
    if len(given) != 1:
        raise ConfigurationError(
            "exactly one of access_token, api_key and token_provider is needed, given: "
            + (", ".join(given) or "none"),
            remedy="See from_cli_database() for the token of a logged-in CLI.",
        )
    if given == ["token_provider"]:
        return options["token_provider"]
    if given == ["api_key"]:
        return StaticTokenProvider(
            AccessToken(options["api_key"], kind=TokenKind.API_KEY, service=LoginService.KIRO)
        )
    return StaticTokenProvider(AccessToken(options["access_token"]))


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise ConfigurationError(f"{name} must be above 0, not {value}")
    return value


def _user_agent(prefix: str) -> str:
    if not prefix.isascii() or not prefix.isprintable():
        raise ConfigurationError("user_agent must be printable ASCII")
    own = f"amazon-q-streaming-client/{__version__} python/{platform.python_version()}"
    return f"{prefix} {own}".lstrip()
