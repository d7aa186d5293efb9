"""Every error that this package raises, for ``from amazon_q_streaming_client.errors import ThrottledError``.

    QError
    ├── ConfigurationError          an argument or setting cannot work
    │   └── InvalidArgumentError        a value does not fit what the service takes
    ├── TokenError                  no usable access token could be had
    │   └── StepherdUnavailableError    Stepherd is missing or offers no token provider
    ├── TransportError              the service could not be reached, or the connection failed   (retryable)
    │   └── RequestTimeoutError         a time limit passed                                      (retryable)
    ├── ProtocolError               the answer is not what the protocol says
    │   ├── EndpointError               the host has moved, or does not serve this operation
    │   └── EventStreamError            a malformed event-stream message
    ├── StreamBrokenError           the stream ended early, after events were delivered
    │   └── TruncatedToolUseError       a tool use ended without its stop mark
    ├── ConversationError           a message would break the history rules of the service
    ├── ToolLimitError              the tool runner reached its limit of requests
    └── ServiceError                the service refused or failed, in HTTP or inside the stream
        ├── ThrottledError              too many requests                                        (retryable)
        ├── MonthlyLimitError           the allowance of the month is used up
        ├── QuotaExceededError          another quota is used up
        ├── ModelUnavailableError       the model has no capacity for now                        (retryable)
        ├── InternalServiceError        the service failed or is down                            (retryable)
        ├── InvalidRequestError         the request was rejected, see ``reason``
        │   └── ContextTooLongError         the conversation does not fit the model
        ├── AccessDeniedError           the token may not do this
        │   └── ExpiredTokenError           the token is expired or not valid
        ├── ConflictError               the resource is in a conflicting state
        ├── ResourceNotFoundError       the resource does not exist
        └── DryRunError                 the answer to a dry run

``retryable`` says whether the same call can succeed later without a change. ``remedy`` says what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._answer import Answer

__all__ = [
    "AccessDeniedError",
    "ConfigurationError",
    "ConflictError",
    "ContextTooLongError",
    "ConversationError",
    "DryRunError",
    "EndpointError",
    "EventStreamError",
    "ExpiredTokenError",
    "InternalServiceError",
    "InvalidArgumentError",
    "InvalidRequestError",
    "ModelUnavailableError",
    "MonthlyLimitError",
    "ProtocolError",
    "QError",
    "QuotaExceededError",
    "RequestTimeoutError",
    "ResourceNotFoundError",
    "ServiceError",
    "StepherdUnavailableError",
    "StreamBrokenError",
    "ThrottledError",
    "TokenError",
    "ToolLimitError",
    "TransportError",
    "TruncatedToolUseError",
]


class QError(Exception):
    """The base of all errors of this package.

    ``message`` says what happened and why, ``remedy`` the next step (may be empty) and ``request_id`` the
    id that the service gave the request, if it gave one; ``response_headers`` are those of its answer (names
    in lower case), empty where there was none. ``partial`` is what ``collect()`` had assembled when the
    stream failed; it is None where the events were not read with ``collect()``. Tracebacks show the remedy
    below the message.
    """

    retryable: bool = False
    default_remedy: ClassVar[str] = ""

    def __init__(self, message: str, *, remedy: str = "", request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.default_remedy
        self.request_id = request_id
        self.response_headers: Mapping[str, str] = {}
        self.partial: Answer | None = None
        if self.remedy:
            self.add_note(self.remedy)

    def __str__(self) -> str:
        tail = f" (request id {self.request_id})" if self.request_id else ""
        return f"{self.message}{tail}"


class ConfigurationError(QError):
    """An argument or setting cannot work."""


class InvalidArgumentError(ConfigurationError, ValueError):
    """A value does not fit what the service takes: a wrong type, too long, or nothing that JSON can hold."""


class TokenError(QError):
    """No usable access token could be had."""

    default_remedy = "Run 'q login', or give a token as AMAZON_Q_ACCESS_TOKEN."


class StepherdUnavailableError(TokenError):
    """Stepherd is not installed, or the installed one offers no token provider."""

    default_remedy = (
        "Install it with 'pip install stepherd', or use CliDatabaseTokenProvider, which needs no Stepherd."
    )


class TransportError(QError):
    """The service could not be reached, or the connection failed before the first event."""

    retryable = True
    default_remedy = "Check the network, the endpoint and the proxy, if there is one, and send it again."


class RequestTimeoutError(TransportError):
    """A time limit passed before the service answered."""


class ProtocolError(QError):
    """The answer is not what the protocol says: HTML instead of events, a redirect, an unreadable body."""


class EndpointError(ProtocolError):
    """The host has moved, or does not serve this operation: it redirects, or knows no such address."""

    default_remedy = (
        "Check endpoint= and region=: ENDPOINTS lists the known hosts, and no redirect is followed."
    )


class EventStreamError(ProtocolError):
    """A malformed event-stream message: a wrong checksum, length, header or text."""


class StreamBrokenError(QError):
    """The stream ended early, after events were delivered: the answer is not complete."""

    default_remedy = "Send the question again; the events received so far are not a complete answer."


class TruncatedToolUseError(StreamBrokenError):
    """The stream ended while a tool use had no stop mark: its input must not be run."""


class ConversationError(QError):
    """A message would break the history rules that the service enforces."""


class ToolLimitError(QError):
    """The tool runner reached its limit of requests; ``partial`` is the last answer, its tools not run."""

    default_remedy = "Raise max_requests=, or ask again: the conversation can go on."


class ServiceError(QError):
    """The service refused the request or failed.

    ``code`` is the name of the error as the service gave it, without namespace. ``status`` is the HTTP
    status, or None when the failure came inside the stream. ``reason`` is the machine-readable reason, if
    there is one.
    ``retry_after`` is the wait that the service asked for, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        reason: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy, request_id=request_id)
        self.code = code
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class ThrottledError(ServiceError):
    """Too many requests in a short time, or on one day."""

    retryable = True
    default_remedy = "Wait a little and send it again."


class MonthlyLimitError(ServiceError):
    """The request allowance of the month is used up: retrying cannot help before it is reset."""

    default_remedy = "Wait for the reset (see get_usage_limits) or upgrade the subscription."


class QuotaExceededError(ServiceError):
    """A quota other than the monthly allowance is used up, as the length of one conversation."""

    default_remedy = "Start a new conversation."


class ModelUnavailableError(ServiceError):
    """The chosen model has no capacity for now."""

    retryable = True
    default_remedy = "Wait a little, or choose another model (see list_available_models)."


class InternalServiceError(ServiceError):
    """The service failed or is down."""

    retryable = True
    default_remedy = "Wait a little and send it again."


class InvalidRequestError(ServiceError):
    """The service rejected the request; ``reason`` says why where the service does."""


class ContextTooLongError(InvalidRequestError):
    """The conversation does not fit the context window of the model."""

    default_remedy = "Shorten it: Conversation.compact() drops the oldest turns."


class AccessDeniedError(ServiceError):
    """The token may not do this."""


class ExpiredTokenError(AccessDeniedError):
    """The access token is expired or not valid."""

    default_remedy = "Run 'q login' and take a new token."


class ConflictError(ServiceError):
    """The resource is in a conflicting state, as a disabled key."""


class ResourceNotFoundError(ServiceError):
    """The resource named in the request does not exist."""


class DryRunError(ServiceError):
    """The service answered a dry run with an error: what it would have answered is in ``message``."""


for _name in __all__:
    # Tracebacks and pickles name the public place, which stays when this module moves.
    globals()[_name].__module__ = __package__
