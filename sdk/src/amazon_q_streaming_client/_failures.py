"""From what the service says went wrong to the errors of this package.

The reason is judged before the status: a 429 whose reason is the monthly allowance is not throttling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from ._texts import one_line, printable
from .errors import (
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

__all__ = ["Failure", "failure_from_body", "short_name", "to_error", "wait_of"]

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
        "InternalFailure": InternalServiceError,
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
_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CONTENT_LENGTH_EXCEEDS_THRESHOLD": ContextTooLongError.default_remedy,
        "CONVERSATION_LIMIT_EXCEEDED": "This conversation is at its limit; start a new one.",
        "CUSTOMER_KMS_KEY_DISABLED": "Ask who administers the profile to enable its KMS key.",
        "CUSTOMER_KMS_KEY_INVALID_KEY_POLICY": (
            "Ask who administers the profile to let the service use its KMS key (the policy of the key)."
        ),
        "DAILY_REQUEST_COUNT": "The requests of the day are used up; wait for the next day.",
        "FEATURE_NOT_SUPPORTED": "Leave out what this subscription or region does not offer.",
        "INSUFFICIENT_MODEL_CAPACITY": ModelUnavailableError.default_remedy,
        "INVALID_CONVERSATION_ID": "Leave out conversation_id, or start a new conversation.",
        "INVALID_KMS_GRANT": "Ask who administers the profile to grant the service its KMS key again.",
        "INVALID_MODEL_ID": "Choose one of list_available_models.",
        "MISMATCHED_KMS_KEY": "Start a new conversation: this one was encrypted with another KMS key.",
        "MODEL_TEMPORARILY_UNAVAILABLE": ModelUnavailableError.default_remedy,
        "MONTHLY_REQUEST_COUNT": MonthlyLimitError.default_remedy,
        "OVERAGE_REQUEST_LIMIT_EXCEEDED": (
            "The limit beyond the allowance is used up: raise it in the subscription, or wait for the reset."
        ),
        "TEMPORARILY_SUSPENDED": "The account is suspended for now: contact AWS Support.",
        "UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS": (
            "Leave out customization_arn, or ask who administers the profile for access to it."
        ),
        "UNAUTHORIZED_WORKSPACE_CONTEXT_FEATURE_ACCESS": (
            "Leave out workspace_id, or ask who administers the profile to allow workspace context."
        ),
    }
)
"""What to do about each reason that the service names."""
_MONTHLY: Final = re.compile(r"\breached for (this|the) month\b", re.IGNORECASE)
"""The allowance of the month, as older endpoints say it without a reason."""
_EXPIRED: Final = re.compile(r"bearer token .{0,40}(invalid|expired)|token (has |is )?expired", re.IGNORECASE)


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
    """Choose the error class, by text and reason, then by name, then by status.

    The texts of the service become one line each: they go into logs and onto terminals.
    """
    failure = replace(
        failure,
        code=one_line(failure.code, 200),
        message=one_line(failure.message),
        reason=one_line(failure.reason, 200) if failure.reason else None,
    )
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
        remedy=_REMEDIES.get(failure.reason or "", ""),
    )
    if failure.reason == "DAILY_REQUEST_COUNT":
        error.retryable = False
    return error


def _choose(failure: Failure) -> type[ServiceError]:
    if "Input is too long." in failure.message:
        return ContextTooLongError
    if failure.reason is not None and failure.reason in _BY_REASON:
        return _BY_REASON[failure.reason]
    if _MONTHLY.search(failure.message):
        return MonthlyLimitError
    if "unexpectedly high load" in failure.message:
        return ModelUnavailableError
    kind = _BY_NAME.get(re.sub(r"(Exception|Error)$", "", failure.code)) or _by_status(failure.status)
    if kind is AccessDeniedError and _EXPIRED.search(failure.message):
        return ExpiredTokenError
    return kind


def _by_status(status: int | None) -> type[ServiceError]:
    if status is None:
        # In a stream, by a name that is not known: whether it can pass by itself is not known either.
        return ServiceError
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return InternalServiceError if status >= 500 else InvalidRequestError


def wait_of(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that the headers of a response (names in lower case) ask to wait, if they do.

    ``x-amz-retry-after`` counts milliseconds; ``retry-after`` is seconds, also with a fraction, or a date.
    """
    milliseconds = _seconds(headers.get("x-amz-retry-after", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _seconds(text)
    if seconds is not None or not text:
        return seconds
    from email.utils import parsedate_to_datetime  # it takes longer to load than all of this module

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d{1,9}(\.\d{0,9})?\s*", text, re.ASCII) else None


def short_name(name: str) -> str:
    """Return an error name without namespace (``ns#Name``) and address (``Name:http://...``), capitalised."""
    short = name.rpartition("#")[2].partition(":")[0].strip()
    return short[:1].upper() + short[1:]


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _text(document: dict[str, Any] | None, *names: str) -> str | None:
    document = document or {}
    return next((value for name in names if isinstance(value := document.get(name), str) and value), None)
