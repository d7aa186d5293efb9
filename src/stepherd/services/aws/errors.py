"""Errors of boto3, translated into those of the tree.

=====================================================  ===================
botocore                                               here
=====================================================  ===================
NoSuchKey, NoSuchBucket, ResourceNotFound, …           NotFoundError
PreconditionFailed (412)                               PreconditionFailed
ConditionalRequestConflict (409)                       WriteConflict
AccessDenied, KMS refusals, expired or no credentials  CredentialsError
SlowDown, throttling, 5xx, time-outs, broken streams   TemporaryError
no connection to the endpoint                          UnavailableError
no region, no profile, another region's bucket         ConfigurationError
a quota or limit of the account (…LimitExceeded…)      QuotaReached
a value that the service or boto3 rejects              UsageError
any other code                                         RefusedByAws
=====================================================  ===================

Botocore's classes are known by their names: it takes its time to load, and an installation may be without
it, so nothing that only might call AWS loads it.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeGuard

from stepherd.errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    StepherdError,
    TemporaryError,
    UnavailableError,
    UsageError,
)
from stepherd.services.store.contract import PreconditionFailed, WriteConflict

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

__all__ = [
    "QuotaReached",
    "RefusedByAws",
    "aws_error",
    "error_code",
    "is_from_aws",
    "is_one_of",
    "is_refusal",
    "translated",
]

_AGAIN = "Try again in a while."


class QuotaReached(ConfigurationError):
    """The account may have no more of something: a quota that can be raised, or what is there removed."""


class RefusedByAws(UnavailableError):
    """AWS refuses for a reason that has no words here: its own are shown, with what identifies the answer."""

    retryable = False


_NOT_FOUND = {
    "NoSuchKey", "NoSuchBucket", "404", "ResourceNotFoundException", "NotFound", "NotFoundException",
    "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue",
}  # fmt: skip
_LOST_RACE = {"PreconditionFailed", "412"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted", "409"}
_DENIED = {
    "AccessDenied", "AccessDeniedException", "403", "AuthorizationError", "AuthorizationErrorException",
    "UnauthorizedOperation", "AllAccessDisabled", "DecryptionFailure", "EncryptionFailure",
}  # fmt: skip
_BAD_LOGIN = {
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestExpired", "InvalidToken",
    "MissingAuthenticationToken", "IncompleteSignature", "RequestTimeTooSkewed", "InvalidSignatureException",
}  # fmt: skip
_TRANSIENT = {
    "SlowDown", "Throttling", "ThrottlingException", "Throttled", "ThrottledException",
    "RequestLimitExceeded", "TooManyRequestsException", "RequestThrottled", "RequestTimeout",
    "ServiceUnavailable", "InternalError", "InternalFailure", "InternalServiceError",
    "InternalErrorException", "OverLimit", "BandwidthLimitExceeded",
}  # fmt: skip
_LIMIT = re.compile(
    r"LimitExceeded|QuotaExceeded|LimitReached|ExceededQuota|QuotaViolation|TooManyBuckets|InsufficientCapacity|"
    r"AddressLimit|MaximumLimit"
)
"""Of a code. Throttling has codes that look alike, and is told apart before."""
_ELSEWHERE = {
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
}


_MODULE: Final = "botocore.exceptions"
_REFUSED: Final = frozenset({"ClientError"})
_ANY: Final = frozenset({"BotoCoreError", *_REFUSED})
_BROKEN: Final = frozenset({
    "HTTPClientError", "ConnectTimeoutError", "ResponseStreamingError", "IncompleteReadError",
    "ChecksumError", "FlexibleChecksumError", "CapacityNotAvailableError",
})  # fmt: skip
_OFFLINE: Final = frozenset({"ConnectionError"})
_NO_LOGIN: Final = frozenset({
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "SSOError",
    "NoAuthTokenError", "TokenRetrievalError", "LoginError", "MetadataRetrievalError",
    "RefreshWithMFAUnsupportedError",
})  # fmt: skip
_BAD_VALUE: Final = frozenset(
    {"ParamValidationError", "ValidationError", "InvalidDNSNameError", "UnsupportedS3ArnError"}
)


def is_one_of(error: BaseException, names: frozenset[str]) -> bool:
    """Whether it is of a class of botocore's with one of these names, or of a class below one."""
    return any(kind.__module__ == _MODULE and kind.__name__ in names for kind in type(error).__mro__)


def is_refusal(error: BaseException) -> TypeGuard[ClientError]:
    """Whether it is a service's answer, and not the failure to get one."""
    return is_one_of(error, _REFUSED)


def is_from_aws(error: BaseException) -> bool:
    """Whether boto3 raised it: a service's answer, or what kept it from asking."""
    return is_one_of(error, _ANY)


def aws_error(error: Exception, resource: str) -> StepherdError:
    """The error of the tree for ``error``, which a call about ``resource`` raised."""
    if is_refusal(error):
        return _service_error(error, resource)
    said = _sentence(str(error))
    if is_one_of(error, _BROKEN):
        return TemporaryError(f"The connection failed while using {resource}: {said}", remedy=_AGAIN)
    if is_one_of(error, _OFFLINE):
        return UnavailableError(
            f"{resource} cannot be reached: {said}", remedy="Check the network and AWS_REGION."
        )
    if is_one_of(error, _NO_LOGIN):
        return CredentialsError(f"There are no AWS credentials for {resource}: {said}", remedy=_login())
    if is_one_of(error, _BAD_VALUE):
        return UsageError(
            f"AWS cannot process the request about {resource}: {said}", remedy="Check its name."
        )
    return ConfigurationError(
        f"The AWS settings do not work for {resource}: {said}",
        remedy="Check AWS_REGION, AWS_PROFILE and the endpoints, for example with: aws configure list",
    )


def _sentence(text: str) -> str:
    """``text`` with an end: a remedy follows it on the same line."""
    text = text.strip()
    return f"{text}." if text and text[-1] not in ".!?" else text


def _login() -> str:
    profile = os.environ.get("AWS_PROFILE", "")
    which = f" --profile {shlex.quote(profile)}" if profile else ""
    return (
        f"Log in to AWS (aws sso login{which}, or aws configure{which}) "
        f"and check with: aws sts get-caller-identity{which}"
    )


def error_code(error: BaseException) -> str:
    """The service's code for ``error``, such as ``NoSuchKey``; an HTTP status where there is no better.

    Empty for what is no answer of a service.
    """
    return str(error.response.get("Error", {}).get("Code", "")) if is_refusal(error) else ""


@contextmanager
def translated(resource: str) -> Iterator[None]:
    """Raise what boto3 raises inside the block as an error of the tree about ``resource``."""
    try:
        yield
    except Exception as error:
        if is_from_aws(error):
            raise aws_error(error, resource) from error
        # Of credentials whose end is told by the environment; botocore has no error of its own for it.
        if isinstance(error, RuntimeError) and "credentials are still expired" in str(error):
            words = f"The AWS credentials for {resource} have expired."
            raise CredentialsError(words, remedy=_login()) from error
        raise


def _service_error(error: ClientError, resource: str) -> StepherdError:
    code = error_code(error)
    for codes, make in _BY_CODE:
        if code in codes:
            return make(error, resource)
    if _is_about_keys(error):
        return _denied(error, resource)
    if _LIMIT.search(code):
        return _limit(error, resource)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= 500 or status == 429:
        return _transient(error, resource)
    if code.startswith(("Invalid", "Validation", "Malformed", "EntityTooLarge", "KeyTooLong", "Unsupported")):
        return UsageError(
            f"AWS does not accept the request about {resource}: {_words(error)}", remedy="Check its name."
        )
    return RefusedByAws(
        f"AWS refuses {error.operation_name} for {resource}: {code}: {_words(error)}",
        remedy=f"Fix that. For AWS's support: request id {_request_id(error)}.",
    )


def _request_id(error: ClientError) -> str:
    told = error.response.get("ResponseMetadata", {})
    return str(told.get("RequestId") or told.get("HTTPHeaders", {}).get("x-amzn-requestid") or "not told")


def _limit(error: ClientError, resource: str) -> StepherdError:
    service = _QUOTAS_OF.get(error.operation_name)
    look = f"list-service-quotas --service-code {service}" if service else "list-services"
    return QuotaReached(
        f"A limit of the account is reached for {resource}: {error_code(error)}: {_words(error)}",
        remedy="Raise it in the Service Quotas console, or remove what is not needed; "
        f"see them with: aws service-quotas {look}",
    )


def _not_found(error: ClientError, resource: str) -> StepherdError:
    subject = "Its bucket" if error_code(error) == "NoSuchBucket" else "It"
    return NotFoundError(
        f"AWS does not find {resource}. {subject} does not exist in this account and region.",
        remedy="Check the name, and AWS_REGION and AWS_PROFILE.",
    )


def _lost_race(_: ClientError, resource: str) -> StepherdError:
    return PreconditionFailed(f"{resource} has changed since it was read; another writer was first.")


def _conflict(_: ClientError, resource: str) -> StepherdError:
    return WriteConflict(f"Another write to {resource} was under way.", remedy="Send the same write again.")


def _transient(error: ClientError, resource: str) -> StepherdError:
    return TemporaryError(f"AWS is too busy to use {resource} ({error_code(error)}).", remedy=_AGAIN)


def _bad_login(error: ClientError, resource: str) -> StepherdError:
    return CredentialsError(
        f"AWS rejects the credentials used for {resource} ({error_code(error)}).", remedy=_login()
    )


def _elsewhere(_: ClientError, resource: str) -> StepherdError:
    return ConfigurationError(
        f"{resource} is in another region.", remedy="Set AWS_REGION to the region it is in."
    )


def _denied(error: ClientError, resource: str) -> StepherdError:
    action = _action(error)
    if _is_about_keys(error):
        return CredentialsError(
            f"AWS KMS refuses {action if action.startswith('kms:') else 'the key'} for {resource}.",
            remedy="Allow kms:Decrypt and kms:GenerateDataKey on its key; nothing was written unencrypted.",
        )
    return CredentialsError(
        f"AWS refuses {action} on {resource}.", remedy=f"Allow {action} on it for the role in use."
    )


def _is_about_keys(error: ClientError) -> bool:
    code = error_code(error)
    by_code = code.startswith("KMS") or code in {"DecryptionFailure", "EncryptionFailure"}
    return by_code or re.search(r"\bkms:|\bKMS\b", _words(error)) is not None


def _action(error: ClientError) -> str:
    """The IAM action that was refused: from the service's own words, else from the operation."""
    said = re.search(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)", _words(error))
    return said[1] if said else _ACTIONS.get(error.operation_name, error.operation_name)


def _words(error: ClientError) -> str:
    return _sentence(str(error.response.get("Error", {}).get("Message", "")))


_ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject (and s3:ListBucket, to recognise absent objects)",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
    "GetSecretValue": "secretsmanager:GetSecretValue",
    "DescribeStacks": "cloudformation:DescribeStacks",
    "GetLogEvents": "logs:GetLogEvents",
    "StartExecution": "states:StartExecution",
    "DescribeExecution": "states:DescribeExecution",
    "ListExecutions": "states:ListExecutions",
    "GetExecutionHistory": "states:GetExecutionHistory",
    "StopExecution": "states:StopExecution",
    "RedriveExecution": "states:RedriveExecution",
    "Publish": "sns:Publish",
    "SendMessage": "sqs:SendMessage",
    "ReceiveMessage": "sqs:ReceiveMessage",
    "ChangeMessageVisibility": "sqs:ChangeMessageVisibility",
    "DeleteMessage": "sqs:DeleteMessage",
}

_QUOTAS_OF = {
    "StartBuild": "codebuild",
    "RunTask": "fargate",
    "CreateCluster": "ecs",
    "StartExecution": "states",
    "RedriveExecution": "states",
    "CreateChangeSet": "cloudformation",
    "ExecuteChangeSet": "cloudformation",
    "CreateBucket": "s3",
    "CreateSecret": "secretsmanager",
    "CreateServiceLinkedRole": "iam",
    "SendMessage": "sqs",
    "Publish": "sns",
    "PutImage": "ecr",
}
"""Service Quotas' name for the service whose quotas matter to an operation."""

_BY_CODE: tuple[tuple[set[str], Callable[[ClientError, str], StepherdError]], ...] = (
    (_NOT_FOUND, _not_found),
    (_LOST_RACE, _lost_race),
    (_CONFLICT, _conflict),
    (_DENIED, _denied),
    (_BAD_LOGIN, _bad_login),
    (_TRANSIENT, _transient),
    (_ELSEWHERE, _elsewhere),
)
