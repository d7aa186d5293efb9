"""Errors as problem documents (RFC 9457): what happened, which field, what to do next."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from stepherd.errors import NotFoundError, StepherdError, UsageError
from stepherd.text.plain import one_paragraph

__all__ = [
    "TYPES",
    "Forbidden",
    "InvalidCall",
    "KeyReused",
    "NoSuchThing",
    "NotPossible",
    "problem",
    "status_of",
]

TYPES: Final = "https://stepherd.dev/problems/"
"""A problem's type is this and its category."""
_RETRY_SECONDS: Final = "5"


class InvalidCall(UsageError):
    """A body, parameter or header is not acceptable."""

    def __init__(self, message: str, *, remedy: str = "", field: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.field = field


class Forbidden(StepherdError):
    """The key is good, and may not do this."""

    exit_code = 77
    category = "forbidden"


class NoSuchThing(NotFoundError):
    """A run or route that is not there, or not the caller's: no one may learn which."""


class KeyReused(StepherdError):
    """An Idempotency-Key came again with another body."""

    exit_code = 64
    category = "idempotency"


class NotPossible(StepherdError):
    """The run's state does not allow what was asked for."""

    exit_code = 73
    category = "conflict"


_STATUSES: Final = (
    (Forbidden, HTTPStatus.FORBIDDEN),
    (KeyReused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotPossible, HTTPStatus.CONFLICT),
    (NoSuchThing, HTTPStatus.NOT_FOUND),
    (InvalidCall, HTTPStatus.BAD_REQUEST),
)
"""The statuses of errors that the caller can fix. Any other error is the server's, whatever its kind: a
missing store, for instance."""


def status_of(error: StepherdError) -> HTTPStatus:
    """The status that says what ``error`` means to a caller."""
    if error.retryable:
        return HTTPStatus.SERVICE_UNAVAILABLE
    found = (status for kind, status in _STATUSES if isinstance(error, kind))
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def problem(error: StepherdError, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and body for ``error``. Of a fault on our side only its kind is told.

    ``request_id`` is API Gateway's, which stands in the logs, too.
    """
    status = status_of(error)
    body: dict[str, Any] = {
        "type": f"{TYPES}{error.category}",
        "title": status.phrase,
        "status": int(status),
        "detail": one_paragraph(error.message, 2000),
        "instance": f"urn:stepherd:request:{request_id}",
        "category": error.category,
        "remedy": one_paragraph(error.remedy, 1000),
        "retryable": error.retryable,
    }
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        body["detail"] = f"The service failed ({error.category})."
        body["remedy"] = "Try again in a while." if error.retryable else _ASK
    field = getattr(error, "field", "")
    if field:
        body["field"] = one_paragraph(field, 100)
    headers = {"content-type": "application/problem+json"}
    if error.retryable:
        headers["retry-after"] = _RETRY_SECONDS
    return int(status), headers, body


_ASK: Final = "Give the instance to the operator of the service: it is in the function's logs."
