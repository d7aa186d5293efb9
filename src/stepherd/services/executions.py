"""Executions of Step Functions, as a function sees them: whether one runs, and answers to task tokens.

An engine on this machine has its key in the path of AWS_ENDPOINT_URL_SFN (decision 0003), so calls to it
need no AWS credentials; calls to AWS are signed as ever.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from botocore.handlers import disable_signing

from stepherd.errors import DataError
from stepherd.services.aws import new_client
from stepherd.services.aws_errors import error_code, translated

__all__ = ["Executions", "InvalidTaskToken", "open_executions"]

_OVER = {"TaskTimedOut", "TaskDoesNotExist"}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class InvalidTaskToken(DataError):
    """The text is no task token of this service."""


@dataclass(frozen=True, slots=True)
class Executions:
    """Calls to Step Functions; each retries what is throttled or broken up to five times.

    A call that was cut off after it took effect is safe to repeat: the task is over then, which the
    methods say and do not raise. Each may raise TemporaryError, UnavailableError or CredentialsError.
    """

    client: Any

    def is_running(self, arn: str) -> bool:
        """Whether the execution runs; one that is not known any more does not."""
        with translated(arn):
            try:
                return bool(self.client.describe_execution(executionArn=arn)["status"] == "RUNNING")
            except ClientError as error:
                if error_code(error) in {"ExecutionDoesNotExist", "InvalidArn"}:
                    return False
                raise

    def succeed(self, token: str, output: Mapping[str, object]) -> bool:
        """Answer a task; False when it was over before: answered, timed out or stopped."""
        return self._answer("send_task_success", token, output=json.dumps(dict(output)))

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail a task; False when it was over before."""
        return self._answer("send_task_failure", token, error=error[:256], cause=cause[:32_768])

    def beat(self, token: str) -> bool:
        """Say that the work on a task goes on; False when nobody waits for it any more."""
        return self._answer("send_task_heartbeat", token)

    def _answer(self, operation: str, token: str, **fields: str) -> bool:
        with translated("the task of a token"):
            try:
                getattr(self.client, operation)(taskToken=token, **fields)
            except ClientError as error:
                if error_code(error) in _OVER:
                    return False
                if error_code(error) == "InvalidToken":
                    raise InvalidTaskToken("Step Functions does not know such a task token.") from None
                raise
        return True


def open_executions() -> Executions:
    """The service that AWS_ENDPOINT_URL_SFN names, else AWS's own. Raises ConfigurationError."""
    client = new_client("stepfunctions")
    if urlsplit(os.environ.get("AWS_ENDPOINT_URL_SFN", "")).hostname in _LOOPBACK:
        client.meta.events.register("choose-signer", disable_signing)
    return Executions(client)
