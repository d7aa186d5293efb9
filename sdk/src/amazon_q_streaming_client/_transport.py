"""What the two transports share: how an exchange is stepped, and how responses and providers are read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

from ._settings import ResponseHead
from ._steps import Step, Steps
from .errors import QError, TokenError

__all__ = ["Pump", "head_of", "provider_failure"]

_T = TypeVar("_T")


class Pump(Generic[_T]):
    """Steps an exchange: ask for the next step, then give its result or its error."""

    def __init__(self, exchange: Steps[_T]) -> None:
        self._exchange = exchange
        self._go_on = partial(exchange.send, None)
        self._advance: Callable[[], Step] = self._go_on
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
        self._advance = self._go_on if result is None else partial(self._exchange.send, result)

    def fail(self, error: QError) -> None:
        """Set the error of the last step."""
        self._advance = partial(self._exchange.throw, error)

    @property
    def result(self) -> _T:
        """What the exchange returned, once it is done."""
        result: _T = self._result
        return result


def head_of(response: Any) -> ResponseHead:
    """Return status and headers.

    A hook of the user's client may have read the body; the library has decompressed it then.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    if response.is_stream_consumed:
        headers.pop("content-encoding", None)
    return ResponseHead(response.status_code, headers)


def provider_failure(error: Exception) -> QError:
    """Return the error of this package for whatever a token provider raised."""
    return error if isinstance(error, QError) else TokenError(f"the token provider failed: {error}")
