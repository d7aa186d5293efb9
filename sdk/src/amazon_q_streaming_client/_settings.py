"""What both clients are made with."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict, TypeVar, cast, get_args

from ._endpoints import EndpointChoice, EndpointOption
from ._environment import environment_login
from ._numbers import counting, positive
from ._retry import RetryPolicy
from ._texts import one_line
from ._tokens import AccessToken, AnyTokenProvider, LoginService, StaticTokenProvider, TokenKind
from ._version import __version__
from .errors import ConfigurationError, QError

if TYPE_CHECKING:
    import ssl

__all__ = ["OPERATION_NAMES", "CallOptions", "ClientOptions", "ResponseHead", "Settings", "WireForm"]

_T = TypeVar("_T")
_SECRETS: Final[tuple[Literal["access_token"], Literal["api_key"]]] = ("access_token", "api_key")
_HEADER_NAME: Final = re.compile(r"[a-zA-Z0-9!#$%&'*+.^_`|~-]+")
_OURS: Final = frozenset(
    {
        "authorization",
        "tokentype",
        "host",
        "content-length",
        "content-type",
        "x-amz-target",
        "transfer-encoding",
    }
)
HttpLibrary: TypeAlias = Literal["httpx", "httpx2"]

OPERATION_NAMES: Final = (
    "GenerateAssistantResponse",
    "SendMessage",
    "ListAvailableModels",
    "ListAvailableProfiles",
    "GetUsageLimits",
)
"""The operations that there are; a test holds them against ``_operations``."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status and headers (names in lower case) of a response."""

    status: int
    headers: Mapping[str, str]

    @property
    def request_id(self) -> str | None:
        """The id that the service gave the request."""
        given = self.headers.get("x-amzn-requestid")
        return None if given is None else one_line(given, 200)

    @property
    def content_type(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def content_encoding(self) -> str:
        """How the body is compressed; empty where it is not."""
        return self.headers.get("content-encoding", "")


class WireForm(StrEnum):
    """The two equivalent forms of the API: that of the CLI (the default) and that of the language servers."""

    AWS_JSON = "awsJson1.0"
    REST_JSON = "restJson1"


class CallOptions(TypedDict, total=False):
    """The keyword arguments of ``with_options``: what can differ from call to call.

    - ``timeout``, ``connect_timeout``, ``retry``, ``opt_out``, ``profile_arn``, ``region``, ``endpoint``: as
      in ClientOptions.
    - ``headers``: more headers, by name; those that carry the login and the form of the body cannot be set.
    - ``extra_body``: more members of the request, for what the service takes and this version does not know.
    - ``on_response``: called with the status and headers of each response (ResponseHead), refused or not.
    """

    timeout: float
    connect_timeout: float
    retry: RetryPolicy
    opt_out: bool
    profile_arn: str | None
    region: str | None
    endpoint: EndpointOption | None
    headers: Mapping[str, str]
    extra_body: Mapping[str, Any]
    on_response: Callable[[ResponseHead], object]


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of QStreamingClient and QStreamingClientSync.

    One of ``access_token``, ``api_key`` and ``token_provider`` says who asks; without any it is the login of
    the environment (see from_environment).

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
    - ``timeout``: seconds for the request and the head of its answer, and then for each further piece of it
      (default 300, as the CLI).
    - ``connect_timeout``: seconds to connect (default 10).
    - ``http2``: whether to offer HTTP/2 (needs the extra ``http2``).
    - ``max_connections``: how many connections are open at a time (default 100). Calls beyond them wait in
      their order, until nobody has read the open answers for ``timeout`` seconds: ConfigurationError.
    - ``user_agent``: text that goes before the user agent of this package.
    - ``verify``: an SSL context in place of the default one.
    - ``proxy``: the URL of a proxy, in place of those of the environment.
    - ``http_library``: "httpx" (the default), or "httpx2" for the extra of that name.
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
    proxy: str | None = field(repr=False)  # it may hold a password
    http_library: HttpLibrary
    http_client: Any
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra_body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    on_response: Callable[[ResponseHead], object] | None = None

    @classmethod
    def from_options(cls, options: ClientOptions) -> Settings:
        """Check ``options``; raise ConfigurationError or TokenError."""
        secrets = _Secrets.taken_from(options)
        _check_names(options, ClientOptions.__annotations__)
        return cls(
            provider=_provider(options, secrets),
            hosts=EndpointChoice.from_options(
                options.get("endpoint"), options.get("region"), options.get("profile_arn"), OPERATION_NAMES
            ),
            wire_form=_wire_form(options.get("wire_form", WireForm.AWS_JSON)),
            opt_out=_of_type("opt_out", options.get("opt_out", False), bool),
            retry=_of_type("retry", options.get("retry", RetryPolicy()), RetryPolicy),
            timeout=positive("timeout", options.get("timeout", 300.0)),
            connect_timeout=positive("connect_timeout", options.get("connect_timeout", 10.0)),
            http2=_of_type("http2", options.get("http2", False), bool),
            max_connections=counting("max_connections", options.get("max_connections", 100)),
            user_agent=_user_agent(options.get("user_agent", "")),
            verify=_ssl_context(options.get("verify")),
            proxy=_proxy(options.get("proxy")),
            http_library=_http_library(options.get("http_library", "httpx")),
            http_client=options.get("http_client"),
        )

    def changed(self, options: CallOptions) -> Settings:
        """Return the settings with ``options`` in place of their own; raise ConfigurationError."""
        _check_names(options, CallOptions.__annotations__)
        hosts = EndpointChoice.from_options(
            options.get("endpoint", self.hosts.everything or self.hosts.by_operation),
            options.get("region", self.hosts.region),
            options.get("profile_arn", self.hosts.profile_arn),
            OPERATION_NAMES,
        )
        on_response = options.get("on_response", self.on_response)
        patience = options.get("connect_timeout", self.connect_timeout)
        if on_response is not None and not callable(on_response):
            raise ConfigurationError("on_response must be callable")
        return replace(
            self,
            hosts=hosts,
            opt_out=_of_type("opt_out", options.get("opt_out", self.opt_out), bool),
            retry=_of_type("retry", options.get("retry", self.retry), RetryPolicy),
            timeout=positive("timeout", options.get("timeout", self.timeout)),
            connect_timeout=positive("connect_timeout", patience),
            headers={**self.headers, **_headers(options.get("headers", {}))},
            extra_body={**self.extra_body, **_members(options.get("extra_body", {}))},
            on_response=on_response,
        )


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The options that are secret.

    Crash reports show the variables of a traceback, and the options are one of them wherever another option
    is refused; this is not shown.
    """

    given: Mapping[str, str] = field(repr=False)

    @classmethod
    def taken_from(cls, options: ClientOptions) -> _Secrets:
        """Take them out of ``options``."""
        names = [name for name in _SECRETS if options.get(name) is not None]
        return cls({name: options.pop(name) for name in names})


def _check_names(options: Mapping[str, object], known: Mapping[str, object]) -> None:
    unknown = options.keys() - known.keys()
    if unknown:
        raise ConfigurationError(
            f"unknown options: {', '.join(sorted(unknown))}",
            remedy=f"The options are {', '.join(known)}.",
        )


def _headers(headers: object) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        raise ConfigurationError("headers must be a mapping of names to values")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise ConfigurationError(f"the header {str(name)[:80]!r} cannot be set")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise ConfigurationError(f"the header {name} must be printable ASCII")
    return {name.lower(): value for name, value in headers.items()}


def _members(members: object) -> dict[str, Any]:
    if not isinstance(members, Mapping) or not all(isinstance(name, str) for name in members):
        raise ConfigurationError("extra_body must be a mapping of names to values")
    return dict(members)


def _provider(options: ClientOptions, secrets: _Secrets) -> AnyTokenProvider:
    try:
        return _one_provider(options.get("token_provider"), secrets.given)
    except QError as error:
        # The frames below have the token in their variables.
        raise error.with_traceback(None) from None


def _one_provider(provider: object, secrets: Mapping[str, str]) -> AnyTokenProvider:
    given = len(secrets) + (provider is not None)
    login = environment_login() if not given else None
    if login is not None:
        return StaticTokenProvider(login)
    if given != 1:
        raise ConfigurationError(
            "exactly one of access_token, api_key and token_provider is needed, given: "
            + (str(given) if given else "none, and there is no login in the environment"),
            remedy="See from_cli_database() for the login of a CLI, from_environment() for the variables.",
        )
    if "api_key" in secrets:
        return StaticTokenProvider(
            AccessToken(secrets["api_key"], kind=TokenKind.API_KEY, service=LoginService.KIRO)
        )
    if "access_token" in secrets:
        return StaticTokenProvider(AccessToken(secrets["access_token"]))
    if not callable(getattr(provider, "get_token", None)):
        raise ConfigurationError("the token_provider has no get_token", remedy="See TokenProvider.")
    return cast("AnyTokenProvider", provider)


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


def _user_agent(prefix: object) -> str:
    if not isinstance(prefix, str) or not prefix.isascii() or not prefix.isprintable():
        raise ConfigurationError("user_agent must be printable ASCII")
    own = f"amazon-q-streaming-client/{__version__} python/{platform.python_version()}"
    return f"{prefix} {own}".lstrip()
