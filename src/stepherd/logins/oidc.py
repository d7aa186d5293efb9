"""Calls of the identity provider (boto3 ``sso-oidc``: RegisterClient, StartDeviceAuthorization, CreateToken).

None is signed. Its error answers become errors of the tree, which never quote the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from stepherd.errors import (
    ConfigurationError,
    CredentialsError,
    ProtocolError,
    StepherdError,
    TemporaryError,
    UnavailableError,
    UsageError,
)
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import aws_error, is_from_aws, is_refusal
from stepherd.services.aws.regions import is_region

__all__ = ["OidcError", "call", "field_of", "seconds_of"]

_ATTEMPTS: Final = 2
_READ_SECONDS: Final = 20
_PLAIN: Final = re.compile(r"[!-~]{1,16384}")
_CODES: Final = {
    "authorization_pending": "AuthorizationPending",
    "slow_down": "SlowDown",
    "expired_token": "ExpiredToken",
    "access_denied": "AccessDenied",
    "invalid_grant": "InvalidGrant",
    "invalid_client": "InvalidClient",
    "unauthorized_client": "UnauthorizedClient",
}
_BUSY: Final = ("Throttl", "TooMany", "InternalServer", "RequestTimeout")
_SENSELESS: Final = (ValueError, TypeError, AttributeError, KeyError)
"""The errors of botocore itself when an answer is not UTF-8, or JSON of another form."""
_AGAIN: Final = "Try again in a minute; the stored login is unchanged."


class OidcError(CredentialsError):
    """The identity provider refused a call; ``code`` is its reason, such as ``InvalidGrant``."""

    category = "identity_provider"

    def __init__(self, code: str, operation: str) -> None:
        super().__init__(
            f"The identity provider refused {operation}: {code}.",
            remedy="Check the region, and the identity provider's address, which usually ends in /start.",
        )
        self.code = code


def call(operation: str, region: str, request: Mapping[str, Any], *, attempts: int = _ATTEMPTS) -> Any:
    """Call ``operation`` (as ``create_token``) in ``region``; return its answer.

    Raises OidcError for what the provider refuses, TemporaryError for 5xx, throttling, time-outs and broken
    connections, UsageError for a region that cannot be one, ConfigurationError without boto3.
    """
    if not is_region(region):
        raise UsageError(f"{region!r} is not an AWS region.", remedy="Use one such as us-east-1.")
    client = new_client("sso-oidc", region=region, attempts=attempts, read_seconds=_READ_SECONDS)
    try:
        return getattr(client, operation)(**request)
    except Exception as error:
        if is_refusal(error):
            raise _refused(error.response, operation) from None
        if is_from_aws(error):
            raise _broken(error, operation, region) from None
        if isinstance(error, _SENSELESS):
            raise ProtocolError(
                f"The identity provider's answer to {operation} makes no sense ({type(error).__name__}).",
                remedy=_AGAIN,
            ) from None
        raise
    finally:
        client.close()


def field_of(answer: Mapping[str, Any], name: str) -> str:
    """The text ``name`` of an answer, in which no token, code or address has spaces. Raises ProtocolError."""
    value = answer.get(name)
    if not isinstance(value, str) or not _PLAIN.fullmatch(value):
        raise ProtocolError(
            f"The identity provider's answer has no usable {name}.", remedy="Try again, or log in again."
        )
    return value


def seconds_of(answer: Mapping[str, Any], name: str, default: int, most: int) -> int:
    """A number of seconds of an answer, within 1 and ``most``; ``default`` where there is none."""
    value = answer.get(name)
    return min(max(int(value), 1), most) if isinstance(value, int) and value else default


def _refused(response: Mapping[str, Any], operation: str) -> StepherdError:
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(response.get("Error", {}).get("Code", "")).removesuffix("Exception")
    code = _CODES.get(str(response.get("error", "")), code)
    if 300 <= status < 400 or status == 407:
        words = f"Another answers {operation} in place of the identity provider (HTTP {status})."
        return TemporaryError(words, remedy=f"Check the proxy, or log in to the network. {_AGAIN}")
    # Of CreateToken it is the caller's: polling becomes slower for good (RFC 8628, section 3.5).
    is_busy = code.startswith(_BUSY) or (code == "SlowDown" and operation != "create_token")
    if status >= 500 or status in {408, 429} or is_busy:
        return TemporaryError(f"The identity provider is busy ({code} on {operation}).", remedy=_AGAIN)
    return OidcError(code if code.isalnum() else str(status), operation)


def _broken(error: Exception, operation: str, region: str) -> StepherdError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ConfigurationError(
            f"The certificate of the identity provider in {region} is not trusted here.",
            remedy="Where a proxy looks into TLS, name its certificate in AWS_CA_BUNDLE.",
        )
    known = aws_error(error, f"the identity provider in {region}")
    if isinstance(known, TemporaryError | UnavailableError):
        return TemporaryError(
            f"The identity provider in {region} did not answer {operation} ({type(error).__name__}).",
            remedy=_AGAIN,
        )
    return known
