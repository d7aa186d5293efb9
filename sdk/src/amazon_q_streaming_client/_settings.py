"""What both clients are made with."""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict, TypeVar, cast, get_args

from ._endpoints import EndpointChoice, EndpointOption
from ._exceptions import ConfigurationError
from ._retry import RetryPolicy
from ._tokens import AccessToken, AnyTokenProvider, LoginService, StaticTokenProvider, TokenKind
from ._version import __version__

if TYPE_CHECKING:
    import ssl

__all__ = ["OPERATION_NAMES", "ClientOptions", "Settings", "WireForm"]

_T = TypeVar("_T")
HttpLibrary: TypeAlias = Literal["httpx", "httpx2"]

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
    - ``proxy``: the URL of a proxy, in place of those of the environment.
    - ``http_library``: "httpx" (the default), or "httpx2" for the extra of that name: many streams at a time
      take less of the processor with it.
    - ``http_client``: an AsyncClient (Client for the blocking client) of either library, which is used as it
      is and not closed; then ``http2``, ``max_connections``, ``verify``, ``proxy`` and ``http_library``
      do not count.
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
    proxy: str | None
    http_library: HttpLibrary
    http_client: Any


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
    proxy: str | None
    http_library: HttpLibrary
    http_client: Any

    @classmethod
    def from_options(cls, options: ClientOptions) -> Settings:
        """Check ``options``; raise ConfigurationError or TokenError."""
        unknown = options.keys() - ClientOptions.__annotations__.keys()
        if unknown:
            raise ConfigurationError(
                f"unknown client options: {', '.join(sorted(unknown))}",
                remedy=f"The options are {', '.join(ClientOptions.__annotations__)}.",
            )
        return cls(
            provider=_provider(options),
            hosts=EndpointChoice.from_options(
                options.get("endpoint"), options.get("region"), options.get("profile_arn"), OPERATION_NAMES
            ),
            wire_form=_wire_form(options.get("wire_form", WireForm.AWS_JSON)),
            opt_out=_of_type("opt_out", options.get("opt_out", False), bool),
            retry=_of_type("retry", options.get("retry", RetryPolicy()), RetryPolicy),
            timeout=_positive("timeout", options.get("timeout", 300.0)),
            connect_timeout=_positive("connect_timeout", options.get("connect_timeout", 10.0)),
            http2=_of_type("http2", options.get("http2", False), bool),
            max_connections=int(_positive("max_connections", options.get("max_connections", 100))),
            user_agent=_user_agent(options.get("user_agent", "")),
            verify=_ssl_context(options.get("verify")),
            proxy=_proxy(options.get("proxy")),
            http_library=_http_library(options.get("http_library", "httpx")),
            http_client=options.get("http_client"),
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
        if not callable(getattr(options["token_provider"], "get_token", None)):
            raise ConfigurationError("the token_provider has no get_token", remedy="See TokenProvider.")
        return options["token_provider"]
    if given == ["api_key"]:
        return StaticTokenProvider(
            AccessToken(options["api_key"], kind=TokenKind.API_KEY, service=LoginService.KIRO)
        )
    return StaticTokenProvider(AccessToken(options["access_token"]))


def _of_type(name: str, value: object, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name} must be {kind.__name__}, not {type(value).__name__}")
    return value


def _wire_form(value: object) -> WireForm:
    try:
        return WireForm(_of_type("wire_form", value, str))
    except ValueError:
        raise ConfigurationError(
            f"there is no wire form {value!r}", remedy=f"Choose {' or '.join(WireForm)}."
        ) from None


def _ssl_context(value: object) -> ssl.SSLContext | None:
    import ssl

    return None if value is None else _of_type("verify", value, ssl.SSLContext)


def _proxy(value: object) -> str | None:
    return None if value is None else _of_type("proxy", value, str)


def _http_library(value: object) -> HttpLibrary:
    for name in get_args(HttpLibrary):
        if value == name:
            return cast("HttpLibrary", name)
    raise ConfigurationError(f"http_library must be one of {', '.join(get_args(HttpLibrary))}")


def _positive(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(f"{name} must be a number, not {type(value).__name__}")
    if not 0 < value < math.inf:
        raise ConfigurationError(f"{name} must be above 0 and finite, not {value}")
    return value


def _user_agent(prefix: object) -> str:
    if not isinstance(prefix, str) or not prefix.isascii() or not prefix.isprintable():
        raise ConfigurationError("user_agent must be printable ASCII")
    own = f"amazon-q-streaming-client/{__version__} python/{platform.python_version()}"
    return f"{prefix} {own}".lstrip()
