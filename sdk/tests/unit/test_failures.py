"""What the service says went wrong, and the error that it becomes."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from amazon_q_streaming_client import _failures as failures
from amazon_q_streaming_client import errors, models
from amazon_q_streaming_client.errors import (
    AccessDeniedError,
    ConflictError,
    ContextTooLongError,
    DryRunError,
    ExpiredTokenError,
    InternalServiceError,
    InvalidRequestError,
    ModelUnavailableError,
    MonthlyLimitError,
    QError,
    QuotaExceededError,
    ResourceNotFoundError,
    ServiceError,
    ThrottledError,
)
from shapes import FILES


def read(document: Any, status: int | None = None, code: str = "") -> ServiceError:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return failures.to_error(failures.failure_from_body(body, status=status, code=code, request_id="r"))


@pytest.mark.parametrize(
    ("document", "status", "expected"),
    [
        ({"__type": "ThrottlingException", "reason": "MONTHLY_REQUEST_COUNT"}, 429, MonthlyLimitError),
        (
            {"__type": "ThrottlingException", "reason": "INSUFFICIENT_MODEL_CAPACITY"},
            429,
            ModelUnavailableError,
        ),
        ({"__type": "ThrottlingException", "reason": "DAILY_REQUEST_COUNT"}, 429, ThrottledError),
        ({"__type": "ThrottlingException"}, 429, ThrottledError),
        ({"__type": "ThrottlingError"}, 400, ThrottledError),
        ({"message": "x"}, 429, ThrottledError),
        ({"code": "TooManyRequestsException"}, 400, ThrottledError),
        (
            {"__type": "ServiceQuotaExceededException", "reason": "MONTHLY_REQUEST_COUNT"},
            402,
            MonthlyLimitError,
        ),
        (
            {"__type": "ServiceQuotaExceededException", "reason": "OVERAGE_REQUEST_LIMIT_EXCEEDED"},
            402,
            MonthlyLimitError,
        ),
        (
            {"__type": "ServiceQuotaExceededException", "reason": "CONVERSATION_LIMIT_EXCEEDED"},
            402,
            QuotaExceededError,
        ),
        ({"__type": "ValidationException", "message": "Input is too long."}, 400, ContextTooLongError),
        (
            {"__type": "ValidationException", "reason": "CONTENT_LENGTH_EXCEEDS_THRESHOLD"},
            400,
            ContextTooLongError,
        ),
        ({"__type": "ValidationException", "reason": "INVALID_MODEL_ID"}, 400, InvalidRequestError),
        ({"__type": "a.b#ValidationException:http://x/"}, 400, InvalidRequestError),
        ({"__type": "AccessDeniedException", "reason": "TEMPORARILY_SUSPENDED"}, 403, AccessDeniedError),
        (
            {
                "__type": "AccessDeniedException",
                "message": "The bearer token included in the request is invalid.",
            },
            403,
            ExpiredTokenError,
        ),
        ({"Message": "The token has expired"}, 403, ExpiredTokenError),
        ({"__type": "ExpiredTokenException"}, 400, ExpiredTokenError),
        ({}, 401, ExpiredTokenError),
        ({"message": "no"}, 403, AccessDeniedError),
        (
            {"__type": "InternalServerException", "message": "unexpectedly high load"},
            500,
            ModelUnavailableError,
        ),
        (
            {"__type": "InternalServerException", "reason": "MODEL_TEMPORARILY_UNAVAILABLE"},
            500,
            ModelUnavailableError,
        ),
        ({"__type": "InternalServerException"}, 500, InternalServiceError),
        ({"__type": "ServiceUnavailableException"}, 503, InternalServiceError),
        ({"__type": "ConflictException", "reason": "MISMATCHED_KMS_KEY"}, 409, ConflictError),
        ({"__type": "ResourceNotFoundException"}, 404, ResourceNotFoundError),
        ({"__type": "DryRunOperationException", "responseCode": 400}, 400, DryRunError),
        ({}, 409, ConflictError),
        ({}, 404, ResourceNotFoundError),
        ({}, 418, InvalidRequestError),
        ({"__type": "NovelException"}, 500, InternalServiceError),
        ({"__type": "NovelException"}, None, ServiceError),
        ({"__type": "InternalFailure"}, None, InternalServiceError),
        (b"<html>bad gateway</html>", 502, InternalServiceError),
        (b"\xff\xfe", 400, InvalidRequestError),
        (b"[]", 400, InvalidRequestError),
        (b"[" * 100_000, 400, InvalidRequestError),
    ],
)
def test_a_failure_becomes_the_error_that_says_what_it_is(
    document: Any, status: int | None, expected: type[ServiceError]
) -> None:
    error = read(document, status)
    assert type(error) is expected
    assert error.request_id == "r"
    assert error.status == status


def test_a_header_goes_before_the_name_in_the_body() -> None:
    error = read({"__type": "ValidationException"}, 400, "ConflictException:http://internal/")
    assert (type(error), error.code) == (ConflictError, "ConflictException")


def test_the_text_names_code_message_reason_and_request() -> None:
    error = read({"__type": "ValidationException", "message": "bad id", "reason": "INVALID_MODEL_ID"}, 400)
    assert str(error) == (
        "the service answered ValidationException: bad id [INVALID_MODEL_ID] (request id r)"
    )
    assert str(read({}, 418)) == "the service answered HTTP 418 (request id r)"


def test_only_what_can_pass_by_itself_is_retryable() -> None:
    retryable = {kind.__name__ for kind in _errors() if kind.retryable}
    assert retryable == {
        "InternalServiceError",
        "ModelUnavailableError",
        "RequestTimeoutError",
        "ThrottledError",
        "TransportError",
    }
    assert not read({"__type": "ThrottlingException", "reason": "DAILY_REQUEST_COUNT"}, 429).retryable


def test_every_exception_of_the_service_has_an_error() -> None:
    names = set(failures._BY_NAME)
    for file in FILES.values():
        exceptions = {name.removesuffix("Exception") for name in file["exceptions"]}
        assert exceptions - {"UpdateUsageLimitQuotaExceeded"} <= names


def test_every_reason_of_the_service_is_known_to_the_models() -> None:
    assert {reason.value for reason in models.ThrottlingExceptionReason} > {"MONTHLY_REQUEST_COUNT"}
    known = {
        reason.value
        for name in models.__all__
        if name.endswith("ExceptionReason")
        for reason in getattr(models, name)
    }
    assert set(failures._BY_REASON) <= known


def test_every_reason_of_the_service_has_a_remedy_of_its_own() -> None:
    reasons = {
        value
        for file in FILES.values()
        for name, values in file["enums"].items()
        if name.endswith("ExceptionReason")
        for value in values
    }
    assert set(failures._REMEDIES) == reasons
    for reason in reasons:
        error = read({"__type": "NovelException", "reason": reason}, 400)
        assert error.remedy == failures._REMEDIES[reason]
        assert len(error.remedy) > 10


NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "Mon, 30 Nov 2026 12:00:07 GMT"}, 7.0),
        ({"retry-after": "Mon, 30 Nov 2026 13:00:07 +0100"}, 7.0),
        ({"retry-after": "Mon, 30 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"x-amz-retry-after": "1500", "retry-after": "9"}, 1.5),
        ({"x-amz-retry-after": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "99999999999999"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 30 Nov 99999 12:00:07 GMT"}, None),
    ],
)
def test_the_wait_that_is_asked_for_is_seconds_a_date_or_milliseconds(
    headers: dict[str, str], wanted: float | None
) -> None:
    assert failures.wait_of(headers, NOW) == wanted


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {line.strip("│├└─ ").split(" ")[0] for line in (errors.__doc__ or "").splitlines() if "─" in line}
    assert drawn | {"QError"} == {kind.__name__ for kind in _errors()} == set(errors.__all__)


def _errors() -> list[type[QError]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, QError)]
