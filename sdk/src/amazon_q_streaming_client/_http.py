"""The HTTP library below both transports: httpx, or httpx2 with the same surface."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from .errors import (
    ConfigurationError,
    ProtocolError,
    QError,
    RequestTimeoutError,
    TransportError,
)

if TYPE_CHECKING:
    import ssl

    from ._operations import WireRequest
    from ._settings import Settings

__all__ = ["Http", "TimeLimits"]

_LOWER: Final = (OSError, ValueError, EOFError, RuntimeError, LookupError)
"""What comes from below the library: sockets, texts that are no host, a pool that was closed meanwhile."""
_OF_THE_REQUEST: Final = "h11"
"""The library speaks HTTP/1.1 with it; what that says of its own side is about the request."""
_SHORTEST: Final = 0.001
"""Seconds of the shortest time limit; 0 would mean not to wait, which the library does not expect."""
_LOGIN_REFUSED: Final = "407"
_PROXY_REMEDY: Final = "It is given in the URL of the proxy: http://user:password@host:port"
_DNS: Final = ("getaddrinfo", "name resolution", "Name or service", "nodename nor servname", "No address")

_contexts: dict[tuple[object, ...], ssl.SSLContext] = {}


class TimeLimits(dict[str, float | None]):
    """The time limits of one request, as the library looks them up before each read and write.

    Bytes can come for ever that are nothing of the answer (pings and settings of HTTP/2, hints and unfinished
    lines of HTTP/1.1), so each read and write gets no more than what is left of ``seconds`` since the first
    one after ``restart``.
    """

    def __init__(
        self, seconds: float, connect: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(connect=connect, read=seconds, write=seconds, pool=seconds)
        self._seconds = seconds
        self._clock = clock
        self._end: float | None = None

    def restart(self) -> None:
        """Something of the answer has come."""
        self._end = None

    def get(self, name: str, default: Any = None) -> Any:
        """Return the seconds for ``name``: connect, read, write or pool."""
        if name not in ("read", "write"):
            return super().get(name, default)
        now = self._clock()
        if self._end is None:
            self._end = now + self._seconds
        return max(self._end - now, _SHORTEST)

    __getitem__ = get


class Http:
    """How a client of the library is made and used, and how its errors are read."""

    def __init__(self, settings: Settings, kind: str) -> None:
        """Raise ConfigurationError for a library, a client or settings that cannot be used.

        ``kind`` is the class of the clients: AsyncClient or Client.
        """
        own = settings.http_client
        self.library = _load(settings.http_library if own is None else _library_of(own, kind))
        if own is not None and not isinstance(own, getattr(self.library, kind)):
            raise _not_a_client(own, kind)
        self.failures = self._failures(is_own=own is not None)
        self._kind = kind
        self._own = own
        self._options = {} if own is not None else self._made(partial(self._client_options, settings))

    def _failures(self, *, is_own: bool) -> tuple[type[Exception], ...]:
        """What sending and receiving can raise because of the network or of who answers.

        With a client of our own that is all: the library lets errors of its parts through, above all of those
        for HTTP/2. A client of the user's has hooks, whose errors are the user's.
        """
        if not is_own:
            return (Exception,)
        h2 = sys.modules.get("h2.exceptions")
        return (
            self.library.HTTPError,
            self.library.InvalidURL,
            self.library.StreamError,
            self.library.CookieConflict,
            *_LOWER,
            *([h2.H2Error] if h2 is not None else []),
        )

    def client(self) -> Any:
        """Return the user's client, or make one for one connection; all share the costly SSL context."""
        if self._own is not None:
            return self._own
        return self._made(partial(getattr(self.library, self._kind), **self._options))

    @property
    def blocks(self) -> bool:
        """Whether its clients are blocking ones."""
        return self._kind == "Client"

    @property
    def is_own(self) -> bool:
        """Whether the client is the user's, who closes it."""
        return self._own is not None

    def message(self, client: Any, request: WireRequest) -> Any:
        """Return the request as the library sends it, with its TimeLimits."""
        message = client.build_request(
            request.method,
            request.url,
            headers=self.library.Headers(dict(request.headers)),  # its repr does not show the token
            content=request.body,
        )
        message.extensions["timeout"] = TimeLimits(request.timeout, request.connect_timeout)
        return message

    def translate(self, error: Exception) -> QError:
        """Return the error of this package for one of the library, or of what lies below it."""
        detail = str(error) or type(error).__name__
        if isinstance(error, self.library.PoolTimeout):
            return RequestTimeoutError(
                f"no connection of the http_client got free in time: {detail}",
                remedy="Close answers that are left early, or raise its limits.",
            )
        if isinstance(error, self.library.TimeoutException):
            return RequestTimeoutError(f"the service did not answer in time: {detail}")
        if isinstance(error, self.library.ProxyError) and detail.startswith(_LOGIN_REFUSED):
            return ConfigurationError(f"the proxy asks for another login: {detail}", remedy=_PROXY_REMEDY)
        if isinstance(error, self.library.DecodingError):
            return ProtocolError(f"the body cannot be decompressed: {detail}")
        refused = (self.library.UnsupportedProtocol, self.library.InvalidURL, UnicodeError)
        if isinstance(error, refused) or (
            isinstance(error, self.library.LocalProtocolError) and _is_of_the_request(error)
        ):
            return ConfigurationError(f"the request cannot be sent: {detail}")
        return TransportError(f"the connection{_to(error)} failed: {detail}", remedy=_remedy(detail))

    def _client_options(self, settings: Settings) -> dict[str, Any]:
        if settings.http2 and importlib.util.find_spec("h2") is None:
            raise ConfigurationError(
                "HTTP/2 needs the package h2",
                remedy=f"Install it with: pip install '{self.library.__name__}[http2]'",
            )
        return {
            "follow_redirects": False,
            "http2": settings.http2,
            "limits": self.library.Limits(max_connections=1),
            "verify": self._ssl_context(settings.http2) if settings.verify is None else settings.verify,
            "proxy": settings.proxy,
            "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=())),
        }

    def _ssl_context(self, http2: bool) -> ssl.SSLContext:
        """The default context, made once for all clients of the process: it takes some 30 ms.

        The library writes the protocols that it offers into it, so HTTP/2 has one of its own.
        """
        places = (os.environ.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
        key = (self.library.__name__, http2, *places)
        if key not in _contexts:
            _contexts[key] = self.library.create_ssl_context()
        return _contexts[key]

    def _made(self, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except ImportError as error:
            raise ConfigurationError(
                f"the HTTP client needs a package that is missing: {error}",
                remedy=f"For a SOCKS proxy: pip install '{self.library.__name__}[socks]'.",
            ) from None
        except (self.library.InvalidURL, OSError, ValueError, TypeError) as error:
            if isinstance(error, QError):
                raise
            raise ConfigurationError(
                f"the HTTP client cannot be made: {error}",
                remedy="Check proxy= and verify=, and HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE.",
            ) from None


def _load(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigurationError(
            f"the package {name} is not installed",
            remedy=f"Install it with: pip install {name}",
        ) from None


def _library_of(client: object, kind: str) -> str:
    roots = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    found = roots & {"httpx", "httpx2"}
    if not found:
        raise _not_a_client(client, kind)
    return found.pop()


def _not_a_client(given: object, kind: str) -> ConfigurationError:
    return ConfigurationError(
        f"http_client must be an httpx.{kind} or httpx2.{kind}, not {type(given).__name__}",
        remedy="QStreamingClient takes an AsyncClient, QStreamingClientSync a Client.",
    )


def _is_of_the_request(error: BaseException | None) -> bool:
    """Whether the request cannot be sent as it is; in HTTP/2 the same error is what a server provokes."""
    while error is not None:
        if type(error).__module__.partition(".")[0] == _OF_THE_REQUEST:
            return True
        error = error.__cause__ or error.__context__
    return False


def _to(error: Exception) -> str:
    try:
        return f" to {error.request.url.netloc.decode()}"  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):
        return ""


def _remedy(detail: str) -> str:
    if any(word in detail for word in _DNS):
        return (
            "The host has no address: check the network, or whether the service has moved. "
            "Another host is given as endpoint=."
        )
    return ""
