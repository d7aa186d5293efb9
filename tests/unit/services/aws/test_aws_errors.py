"""Every error of botocore becomes one of the tree, with its meaning."""

import inspect

import pytest
from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given
from hypothesis import strategies as st

from stepherd.errors import (
    ConfigurationError,
    CredentialsError,
    InternalError,
    NotFoundError,
    StepherdError,
    TemporaryError,
    UnavailableError,
    UsageError,
)
from stepherd.services.aws.errors import QuotaReached, RefusedByAws, aws_error
from stepherd.services.store.contract import PreconditionFailed, WriteConflict


def client_error(
    code: str, message: str = "", status: int = 400, operation: str = "PutObject"
) -> ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


@pytest.mark.parametrize(
    ("code", "status", "kind", "retryable"),
    [
        ("NoSuchKey", 404, NotFoundError, False),
        ("NoSuchBucket", 404, NotFoundError, False),
        ("ResourceNotFoundException", 400, NotFoundError, False),
        ("PreconditionFailed", 412, PreconditionFailed, False),
        ("ConditionalRequestConflict", 409, WriteConflict, True),
        ("AccessDenied", 403, CredentialsError, False),
        ("403", 403, CredentialsError, False),
        ("ExpiredToken", 400, CredentialsError, False),
        ("InvalidAccessKeyId", 403, CredentialsError, False),
        ("SlowDown", 503, TemporaryError, True),
        ("ThrottlingException", 400, TemporaryError, True),
        ("Unheard", 502, TemporaryError, True),
        ("Unheard", 429, TemporaryError, True),
        ("PermanentRedirect", 301, ConfigurationError, False),
        ("InvalidBucketName", 400, UsageError, False),
        ("ValidationException", 400, UsageError, False),
        ("Unheard", 400, RefusedByAws, False),
        ("AccountLimitExceededException", 400, QuotaReached, False),
        ("ServiceQuotaExceededException", 402, QuotaReached, False),
        ("VpcLimitExceeded", 400, QuotaReached, False),
        ("LimitExceededException", 400, QuotaReached, False),
        ("ExecutionLimitExceeded", 400, QuotaReached, False),
        ("TooManyBuckets", 400, QuotaReached, False),
        ("RequestLimitExceeded", 503, TemporaryError, True),
        ("BandwidthLimitExceeded", 400, TemporaryError, True),
    ],
)
def test_a_services_code_decides(code: str, status: int, kind: type[StepherdError], retryable: bool) -> None:
    error = aws_error(client_error(code, status=status), "s3://bucket/key")
    assert type(error) is kind
    assert error.retryable is retryable
    assert "s3://bucket/key" in error.message
    assert error.remedy or kind is PreconditionFailed


def test_a_quota_has_the_command_that_shows_it() -> None:
    said = client_error(
        "AccountLimitExceededException", "Cannot have more than 0 builds in queue", operation="StartBuild"
    )
    error = aws_error(said, "the build project x")
    assert "Cannot have more than 0 builds in queue" in error.message
    assert "aws service-quotas list-service-quotas --service-code codebuild" in error.remedy


@given(code=st.text("ABCabcdefExceptionLimit", min_size=1, max_size=30), status=st.integers(400, 499))
def test_whatever_aws_answers_is_its_answer_and_never_called_a_fault_of_ours(code: str, status: int) -> None:
    said = client_error(code, "The colour is wrong", status, "PaintBucket")
    said.response["ResponseMetadata"]["RequestId"] = "1-2-3"
    error = aws_error(said, "s3://bucket/key")
    assert not isinstance(error, InternalError)
    assert "Stepherd" not in str(error)
    if isinstance(error, RefusedByAws):
        for word in (code, "PaintBucket", "s3://bucket/key", "The colour is wrong", "1-2-3"):
            assert word in str(error)


def test_a_refusal_names_action_and_resource() -> None:
    error = aws_error(client_error("AccessDenied"), "s3://bucket/key")
    assert "s3:PutObject" in error.message
    assert "s3:PutObject" in error.remedy


def test_the_action_that_the_service_names_is_preferred() -> None:
    message = "User: arn:aws:sts::1:x is not authorized to perform: s3:PutObjectTagging on resource: arn:x"
    assert "s3:PutObjectTagging" in aws_error(client_error("AccessDenied", message), "s3://b/k").message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (boto.NoCredentialsError(), CredentialsError),
        (boto.PartialCredentialsError(provider="env", cred_var="x"), CredentialsError),
        (boto.UnauthorizedSSOTokenError(), CredentialsError),
        (boto.TokenRetrievalError(provider="sso", error_msg="x"), CredentialsError),
        (boto.EndpointConnectionError(endpoint_url="http://x"), UnavailableError),
        (boto.SSLError(endpoint_url="http://x", error="bad"), UnavailableError),
        (boto.ConnectTimeoutError(endpoint_url="http://x"), TemporaryError),
        (boto.ReadTimeoutError(endpoint_url="http://x"), TemporaryError),
        (boto.ConnectionClosedError(endpoint_url="http://x"), TemporaryError),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), TemporaryError),
        (boto.NoRegionError(), ConfigurationError),
        (boto.ProfileNotFound(profile="x"), ConfigurationError),
        (boto.ParamValidationError(report="x"), UsageError),
        (ValueError("Invalid endpoint: x"), ConfigurationError),
    ],
)
def test_botocores_own_errors_have_their_place(error: Exception, kind: type[StepherdError]) -> None:
    assert type(aws_error(error, "s3://bucket/key")) is kind


def test_no_class_of_botocore_is_left_out() -> None:
    for _, kind in inspect.getmembers(boto, inspect.isclass):
        if issubclass(kind, BotoCoreError):
            # Each wants other arguments.
            bare = type(kind.__name__, (kind,), {"__init__": Exception.__init__})
            translated = aws_error(bare("said by botocore"), "s3://bucket/key")
            assert isinstance(translated, StepherdError)
            assert "s3://bucket/key" in translated.message
            assert translated.remedy


@pytest.mark.parametrize(
    "error",
    [
        boto.NoCredentialsError(),
        boto.EndpointConnectionError(endpoint_url="https://h.example"),
        client_error("ValidationException", "1 error"),
        client_error("Unheard", "It went wrong"),
        client_error("Unheard", "It went wrong!"),
    ],
)
def test_a_message_is_a_sentence_because_a_remedy_follows_it(error: Exception) -> None:
    assert aws_error(error, "the stack").message.endswith((".", "wrong!"))
