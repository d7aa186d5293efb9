"""Executions of Step Functions, as a function sees them: start, watch and stop, and answer task tokens.

An engine on this machine has its key in the path of AWS_ENDPOINT_URL_SFN (decision 0003), so calls to it
need no AWS credentials, and no boto3 (engine_client.py); calls to AWS are signed as ever.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from stepherd.errors import DataError
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import translated
from stepherd.services.json_text import read_json
from stepherd.services.step_functions.engine_client import EngineClient, is_engine

__all__ = ["Execution", "Executions", "InvalidTaskToken", "executions_client", "open_executions"]

_OVER = {"TaskTimedOut", "TaskDoesNotExist"}
_UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn"}
_MOST_EVENTS = 1000
"""The longest page of a history."""
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class InvalidTaskToken(DataError):
    """The text is no task token of this service."""


@dataclass(frozen=True, slots=True)
class Execution:
    """How an execution stands."""

    arn: str
    running: bool
    redriven: datetime | None = None
    """When it was last redriven; None when it never was."""
    redrives: int = 0


@dataclass(frozen=True, slots=True)
class Executions:
    """Calls to Step Functions; each retries what is throttled or broken up to five times.

    A call that was cut off after it took effect is safe to repeat: the task is over then, which the
    methods say and do not raise. Each may raise TemporaryError, UnavailableError or CredentialsError.
    """

    client: Any
    """botocore's, or an engine's."""

    def is_running(self, arn: str) -> bool:
        """Whether the execution runs; one that is not known any more does not."""
        return self.find(arn).running

    def find(self, arn: str) -> Execution:
        """How an execution stands; one that is not known any more does not run."""
        with self._translated(arn):
            try:
                found = self.client.describe_execution(executionArn=arn)
            except self.client.exceptions.ClientError as error:
                if _code(error) in _UNKNOWN:
                    return Execution(arn, running=False)
                raise
        # One that is about to run again is described so before it does.
        running = found["status"] in ("RUNNING", "PENDING_REDRIVE")
        return Execution(arn, running, found.get("redriveDate"), found.get("redriveCount", 0))

    def start(self, machine_arn: str, name: str, request: Mapping[str, object]) -> bool:
        """Start an execution; False when one of that name was started before, in the last 90 days."""
        with self._translated(f"the execution {name} of {machine_arn}"):
            try:
                self.client.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(request))
            except self.client.exceptions.ClientError as error:
                if _code(error) == "ExecutionAlreadyExists":
                    return False
                raise
        return True

    def stop(self, arn: str, error: str, cause: str) -> None:
        """Stop an execution; one that has ended, or is not known any more, stays as it is."""
        with self._translated(arn):
            try:
                self.client.stop_execution(executionArn=arn, error=error[:256], cause=cause[:32_768])
            except self.client.exceptions.ClientError as failure:
                if _code(failure) not in _UNKNOWN:
                    raise

    def nested(self, arn: str) -> Iterator[tuple[str, datetime]]:
        """The executions that ``states:startExecution.sync`` started in this one, and when, newest first."""
        yield from filter(None, map(_nested, self._history(arn)))

    def prepared(self, arn: str) -> dict[str, Any] | None:
        """What a run's execution knows of the run, as the last of its functions said it; None when it was
        ended before any did."""
        return next(filter(None, map(_prepared, self._history(arn))), None)

    def _history(self, arn: str) -> Iterator[Mapping[str, Any]]:
        """The events of an execution, newest first; none of one that is not known."""
        wanted = {"executionArn": arn, "reverseOrder": True, "maxResults": _MOST_EVENTS}
        with self._translated(arn):
            try:
                for page in self.client.get_paginator("get_execution_history").paginate(**wanted):
                    yield from page["events"]
            except self.client.exceptions.ClientError as error:
                if _code(error) not in _UNKNOWN:
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

    def _translated(self, resource: str) -> AbstractContextManager[None]:
        if isinstance(self.client, EngineClient):
            return nullcontext()  # It raises errors of the tree by itself.
        return translated(resource)

    def _answer(self, operation: str, token: str, **fields: str) -> bool:
        with self._translated("the task of a token"):
            try:
                getattr(self.client, operation)(taskToken=token, **fields)
            except self.client.exceptions.ClientError as error:
                if _code(error) in _OVER:
                    return False
                if _code(error) == "InvalidToken":
                    raise InvalidTaskToken("Step Functions does not know such a task token.") from None
                raise
        return True


def _nested(event: Mapping[str, Any]) -> tuple[str, datetime] | None:
    submitted = event.get("taskSubmittedEventDetails", {})
    if submitted.get("resourceType") != "states" or "output" not in submitted:
        return None
    return read_json(submitted["output"])["ExecutionArn"], event["timestamp"]


def _prepared(event: Mapping[str, Any]) -> dict[str, Any] | None:
    succeeded = event.get("taskSucceededEventDetails", {})
    if succeeded.get("resourceType") != "lambda" or "output" not in succeeded:
        return None
    answer = read_json(succeeded["output"])
    payload = answer.get("Payload") if isinstance(answer, dict) else None
    run = payload.get("run", payload) if isinstance(payload, dict) else None
    return run if isinstance(run, dict) and "folder" in run and "login" in run else None


def _code(error: Any) -> str:
    return str(error.response["Error"].get("Code", ""))


def open_executions() -> Executions:
    """The service that AWS_ENDPOINT_URL_SFN names, else AWS's own. Raises ConfigurationError."""
    url = os.environ.get("AWS_ENDPOINT_URL_SFN", "")
    return Executions(EngineClient(url) if is_engine(url) else executions_client())


def executions_client() -> Any:
    """boto3's client for that service. Raises ConfigurationError."""
    client = new_client("stepfunctions")
    if urlsplit(os.environ.get("AWS_ENDPOINT_URL_SFN", "")).hostname in _LOOPBACK:
        # Only now: an installation may be without botocore.
        from botocore.handlers import disable_signing

        client.meta.events.register("choose-signer", disable_signing)
    return client
