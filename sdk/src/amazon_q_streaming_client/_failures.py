"""From what the service says went wrong to the errors of this package.

The reason is judged before the status: a 429 whose reason is the monthly allowance is not throttling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ._exceptions import (
    AccessDeniedError,
    ConflictError,
    ContextTooLongError,
    DryRunError,
    ExpiredTokenError,
    InternalServiceError,
    InvalidRequestError,
    ModelUnavailableError,
    MonthlyLimitError,
    QuotaExceededError,
    ResourceNotFoundError,
    ServiceError,
    ThrottledError,
)

__all__ = ["Failure", "failure_from_body", "printable", "to_error"]

_BY_REASON: Final[Mapping[str, type[ServiceError]]] = MappingProxyType(
    {
        "CONTENT_LENGTH_EXCEEDS_THRESHOLD": ContextTooLongError,
        "INSUFFICIENT_MODEL_CAPACITY": ModelUnavailableError,
        "MODEL_TEMPORARILY_UNAVAILABLE": ModelUnavailableError,
        "MONTHLY_REQUEST_COUNT": MonthlyLimitError,
        "OVERAGE_REQUEST_LIMIT_EXCEEDED": MonthlyLimitError,
    }
)
_BY_NAME: Final[Mapping[str, type[ServiceError]]] = MappingProxyType(
    {
        "AccessDenied": AccessDeniedError,
        "Conflict": ConflictError,
        "DryRunOperation": DryRunError,
        "ExpiredToken": ExpiredTokenError,
        "InternalServer": InternalServiceError,
        "InvalidToken": ExpiredTokenError,
        "ResourceNotFound": ResourceNotFoundError,
        "ServiceQuotaExceeded": QuotaExceededError,
        "ServiceUnavailable": InternalServiceError,
        "Throttling": ThrottledError,
        "TooManyRequests": ThrottledError,
        "UnrecognizedClient": ExpiredTokenError,
        "Validation": InvalidRequestError,
    }
)
_BY_STATUS: Final[Mapping[int, type[ServiceError]]] = MappingProxyType(
    {
        401: ExpiredTokenError,
        403: AccessDeniedError,
        404: ResourceNotFoundError,
        409: ConflictError,
        429: ThrottledError,
    }
)
_EXPIRED: Final = re.compile(r"bearer token .{0,40}(invalid|expired)|token (has |is )?expired", re.IGNORECASE)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Failure:
    """What the service said: name of the error, text, reason, HTTP status, request id and wait."""

    code: str = ""
    message: str = ""
    reason: str | None = None
    status: int | None = None
    request_id: str | None = None
    retry_after: float | None = None


def failure_from_body(
    body: bytes,
    *,
    code: str = "",
    status: int | None = None,
    request_id: str | None = None,
    retry_after: float | None = None,
) -> Failure:
    """Read the JSON body of an error, or of an exception in a stream; anything else is taken as text.

    ``code`` is the name from a header, which goes before the name in the body.
    """
    document = _json_object(body)
    reason = _text(document, "reason")
    message = _text(document, "message", "Message", "errorMessage") or (
        "" if document is not None else printable(body)
    )
    return Failure(
        code=short_name(code or _text(document, "__type", "code") or ""),
        message=message,
        reason=reason,
        status=status,
        request_id=request_id,
        retry_after=retry_after,
    )


def to_error(failure: Failure) -> ServiceError:
    """Choose the error class, by text and reason, then by name, then by status."""
    kind = _choose(failure)
    name = failure.code or (f"HTTP {failure.status}" if failure.status else kind.__name__)
    text = f"{name}: {failure.message}" if failure.message else name
    if failure.reason and failure.reason not in text:
        text = f"{text} [{failure.reason}]"
    error = kind(
        f"the service answered {text}",
        code=failure.code,
        status=failure.status,
        reason=failure.reason,
        request_id=failure.request_id,
        retry_after=failure.retry_after,
    )
    if failure.reason == "DAILY_REQUEST_COUNT":
        error.retryable = False
        error.remedy = "The requests of the day are used up; wait for the next day."
    return error


def _choose(failure: Failure) -> type[ServiceError]:
    if "Input is too long." in failure.message:
        return ContextTooLongError
    if failure.reason is not None and failure.reason in _BY_REASON:
        return _BY_REASON[failure.reason]
    if "unexpectedly high load" in failure.message:
        return ModelUnavailableError
    kind = _BY_NAME.get(re.sub(r"(Exception|Error)$", "", failure.code)) or _by_status(failure.status)
    if kind is AccessDeniedError and _EXPIRED.search(failure.message):
        return ExpiredTokenError
    return kind


def _by_status(status: int | None) -> type[ServiceError]:
    if status is None:
        return InternalServiceError
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return InternalServiceError if status >= 500 else InvalidRequestError


def short_name(name: str) -> str:
    """Return an error name without namespace (``ns#Name``) and address (``Name:http://...``), capitalised."""
    short = name.rpartition("#")[2].partition(":")[0].strip()
    return short[:1].upper() + short[1:]


def printable(data: bytes, limit: int = 200) -> str:
    """Return the start of ``data`` as one line without control characters, fit for an error message."""
    text = _CONTROLS.sub(" ", data[: limit * 4].decode("utf-8", "replace")).strip()
    return text if len(text) <= limit else text[:limit] + "…"


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _text(document: dict[str, Any] | None, *names: str) -> str | None:
    document = document or {}
    return next((value for name in names if isinstance(value := document.get(name), str) and value), None)
