"""What the two transports share: how httpx is set up, how its errors are read, how an exchange is stepped."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from ._exceptions import (
    ConfigurationError,
    ProtocolError,
    QError,
    RequestTimeoutError,
    TokenError,
    TransportError,
)
from ._exchange import ResponseHead, Step, Steps

if TYPE_CHECKING:
    import httpx

    from ._settings import Settings

__all__ = ["CLOSED", "Pump", "client_options", "head_of", "provider_failure", "translate"]

CLOSED: Final = "the client is closed"

_T = TypeVar("_T")


class Pump(Generic[_T]):
    """Steps an exchange: ask for the next step, then give its result or its error."""

    def __init__(self, exchange: Steps[_T]) -> None:
        self._exchange = exchange
        self._advance: Callable[[], Step] = partial(exchange.send, None)
        self._result: Any = None

    def step(self) -> Step | None:
        """Return the next step; None when the exchange is done. Raises what the exchange raises."""
        try:
            return self._advance()
        except StopIteration as stop:
            self._result = stop.value
            return None

    def give(self, result: object) -> None:
        """Set the result of the last step."""
        self._advance = partial(self._exchange.send, result)

    def fail(self, error: QError) -> None:
        """Set the error of the last step."""
        self._advance = partial(self._exchange.throw, error)

    @property
    def result(self) -> _T:
        """What the exchange returned, once it is done."""
        result: _T = self._result
        return result


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments of both httpx clients."""
    import httpx

    if settings.http2 and importlib.util.find_spec("h2") is None:
        raise ConfigurationError(
            "HTTP/2 needs the package h2",
            remedy="Install it with: pip install 'amazon-q-streaming-client[http2]'",
        )
    return {
        "follow_redirects": False,
        "http2": settings.http2,
        "timeout": httpx.Timeout(settings.timeout, connect=settings.connect_timeout, pool=None),
        "limits": httpx.Limits(max_connections=settings.max_connections),
        "verify": True if settings.verify is None else settings.verify,
    }


def head_of(response: httpx.Response) -> ResponseHead:
    """Return status and headers."""
    return ResponseHead(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}
    )


def translate(error: httpx.HTTPError) -> QError:
    """Return the error of this package for one of httpx."""
    import httpx

    detail = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return RequestTimeoutError(f"the service did not answer in time: {detail}")
    if isinstance(error, httpx.DecodingError):
        return ProtocolError(f"the body cannot be decompressed: {detail}")
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return ConfigurationError(f"the request cannot be sent: {detail}")
    return TransportError(f"the connection{_to(error)} failed: {detail}")


def _to(error: httpx.HTTPError) -> str:
    try:
        return f" to {error.request.url.netloc.decode()}"
    except RuntimeError:
        return ""


def provider_failure(error: Exception) -> QError:
    """Return the error of this package for whatever a token provider raised."""
    return error if isinstance(error, QError) else TokenError(f"the token provider failed: {error}")
