"""Calling Step Functions on AWS, by boto3, in the shapes of the API."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import error_code, is_refusal, translated
from stepherd.services.step_functions.calls import Call, Refused

__all__ = ["aws_call", "open_aws_call"]

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_OWN_CODES: Final = frozenset({
    "ExecutionAlreadyExists", "ExecutionDoesNotExist", "ExecutionLimitExceeded", "ExecutionNotRedrivable",
    "InvalidArn", "InvalidExecutionInput", "InvalidName", "InvalidToken", "StateMachineDeleting",
    "StateMachineDoesNotExist", "TaskDoesNotExist", "TaskTimedOut", "ValidationException",
})  # fmt: skip
"""Of Step Functions itself. All others say that AWS refuses or is busy, whichever service is asked."""


def aws_call(client: Any) -> Call:
    """Calls Step Functions by a client of boto3.

    botocore makes a call that is throttled or breaks again, up to five times, with growing pauses; what is
    still refused then raises TemporaryError, UnavailableError or CredentialsError.
    """

    # Only now: an installation may be without botocore.
    from botocore import xform_name

    def call(operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        about = arguments.get("executionArn") or arguments.get("stateMachineArn") or "Step Functions"
        with translated(str(about)):
            try:
                answer = getattr(client, xform_name(operation))(**arguments)
            except Exception as error:
                if not is_refusal(error) or error_code(error) not in _OWN_CODES:
                    raise
                said = error.response.get("Error", {}).get("Message", "")
                raise Refused(error_code(error), str(said)) from error
        answer.pop("ResponseMetadata", None)
        found: dict[str, Any] = _on_the_wire(answer)
        return found

    return call


def open_aws_call(region: str | None = None) -> Call:
    """Calls AWS, or what AWS_ENDPOINT_URL_SFN names; an engine on this machine wants no signature."""
    client = new_client("stepfunctions", region=region) if region else new_client("stepfunctions")
    if urlsplit(os.environ.get("AWS_ENDPOINT_URL_SFN", "")).hostname in _LOOPBACK:
        # As above.
        from botocore.handlers import disable_signing

        client.meta.events.register("choose-signer", disable_signing)
    return aws_call(client)


def _on_the_wire(value: Any) -> Any:
    """Moments as the API sends them, seconds since the epoch, where boto3 has made datetimes of them."""
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, dict):
        return {name: _on_the_wire(part) for name, part in value.items()}
    return [_on_the_wire(part) for part in value] if isinstance(value, list) else value
