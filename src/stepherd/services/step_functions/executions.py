"""Executions of Step Functions: start, watch, list and stop them, and answer task tokens.

An engine on this machine has its key in the path of AWS_ENDPOINT_URL_SFN (decision 0003), so calls to it need
no AWS credentials, and no boto3; calls to AWS are signed as ever.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from stepherd.errors import DataError
from stepherd.services.json_text import read_json
from stepherd.services.step_functions.aws import open_aws_call
from stepherd.services.step_functions.calls import Call, Refused
from stepherd.services.step_functions.endpoint import endpoint_call, is_engine

__all__ = ["RUNNING", "Execution", "Executions", "InvalidTaskToken", "open_executions"]

_OVER: Final = {"TaskTimedOut", "TaskDoesNotExist"}
_UNKNOWN: Final = {"ExecutionDoesNotExist", "InvalidArn"}
RUNNING: Final = frozenset({"RUNNING", "PENDING_REDRIVE"})
_MOST_EVENTS: Final = 1000
"""The longest page of a history."""


class InvalidTaskToken(DataError):
    """The text is no task token of this service."""


@dataclass(frozen=True, slots=True)
class Execution:
    """The state of an execution, as DescribeExecution gives it."""

    arn: str
    status: str = ""
    """RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING_REDRIVE; empty: it is not known, or not any
    more."""
    started: datetime | None = None
    stopped: datetime | None = None
    redriven: datetime | None = None
    """When it was last redriven; None when it never was."""
    redrives: int = 0
    error: str = ""
    cause: str = ""

    @property
    def name(self) -> str:
        """Of a run, its id."""
        return self.arn.rpartition(":")[2]

    @property
    def running(self) -> bool:
        """Whether it runs; one that is about to run again is described so before it does."""
        return self.status in RUNNING


@dataclass(frozen=True, slots=True)
class Executions:
    """Calls about executions and their tasks.

    A call that was cut off after it took effect is safe to repeat: the task is over then, which the
    methods say and do not raise. Each may raise TemporaryError, UnavailableError or CredentialsError, and
    Refused for what it does not say.
    """

    call: Call

    def is_running(self, arn: str) -> bool:
        """Whether the execution runs; one that is not known any more does not."""
        return self.find(arn).running

    def find(self, arn: str) -> Execution:
        """How an execution stands; one that is not known any more does not run."""
        try:
            return _execution(self.call("DescribeExecution", {"executionArn": arn}))
        except Refused as refused:
            if refused.code in _UNKNOWN:
                return Execution(arn)
            raise

    def page(
        self, machine_arn: str, *, status: str | None = None, most: int, token: str | None = None
    ) -> tuple[list[Execution], str | None]:
        """Executions of a state machine, newest first, and the token of the next page."""
        options = {"statusFilter": status, "nextToken": token}
        given = {name: value for name, value in options.items() if value}
        answer = self.call("ListExecutions", {"stateMachineArn": machine_arn, "maxResults": most, **given})
        return [_execution(each) for each in answer["executions"]], answer.get("nextToken")

    def start(self, machine_arn: str, name: str, request: Mapping[str, object]) -> bool:
        """Start an execution; False when one of that name was started before, in the last 90 days."""
        given = {"stateMachineArn": machine_arn, "name": name}
        try:
            self.call("StartExecution", {**given, "input": _json(request)})
        except Refused as refused:
            if refused.code == "ExecutionAlreadyExists":
                return False
            raise
        return True

    def stop(self, arn: str, error: str, cause: str) -> None:
        """Stop an execution; one that has ended, or is not known any more, stays as it is."""
        try:
            self.call("StopExecution", {"executionArn": arn, "error": error[:256], "cause": cause[:32_768]})
        except Refused as refused:
            if refused.code not in _UNKNOWN:
                raise

    def redrive(self, arn: str, token: str | None = None) -> None:
        """Run again what did not succeed, once for each ``token``."""
        self.call("RedriveExecution", {"executionArn": arn} | ({"clientToken": token} if token else {}))

    def history(self, arn: str, *, newest_first: bool = False) -> Iterator[dict[str, Any]]:
        """The events of an execution; none of one that is not known. Times are seconds since the epoch."""
        wanted: dict[str, Any] = {"executionArn": arn, "maxResults": _MOST_EVENTS}
        if newest_first:
            wanted["reverseOrder"] = True
        try:
            while True:
                answer = self.call("GetExecutionHistory", wanted)
                yield from answer["events"]
                if not answer.get("nextToken"):
                    return
                wanted["nextToken"] = answer["nextToken"]
        except Refused as refused:
            if refused.code not in _UNKNOWN:
                raise

    def nested(self, arn: str) -> Iterator[tuple[str, datetime]]:
        """The executions that ``states:startExecution.sync`` started in this one, and when, newest first."""
        yield from filter(None, map(_nested, self.history(arn, newest_first=True)))

    def prepared(self, arn: str) -> dict[str, Any] | None:
        """The facts of a run as its execution has them, by the last function that returned them; None when it
        ended before any did."""
        return next(filter(None, map(_prepared, self.history(arn, newest_first=True))), None)

    def succeed(self, token: str, output: Mapping[str, object]) -> bool:
        """Answer a task; False when it was over before: answered, timed out or stopped."""
        return self._answer("SendTaskSuccess", token, output=json.dumps(dict(output)))

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail a task; False when it was over before."""
        return self._answer("SendTaskFailure", token, error=error[:256], cause=cause[:32_768])

    def beat(self, token: str) -> bool:
        """Say that the work on a task continues; False when no one waits for it any more."""
        return self._answer("SendTaskHeartbeat", token)

    def _answer(self, operation: str, token: str, **fields: str) -> bool:
        try:
            self.call(operation, {"taskToken": token, **fields})
        except Refused as refused:
            if refused.code in _OVER:
                return False
            if refused.code == "InvalidToken":
                raise InvalidTaskToken("Step Functions does not know this task token.") from None
            raise
        return True


def open_executions(region: str | None = None) -> Executions:
    """The service that AWS_ENDPOINT_URL_SFN names, else AWS's own. Raises ConfigurationError."""
    url = os.environ.get("AWS_ENDPOINT_URL_SFN", "")
    if is_engine(url):
        return Executions(endpoint_call(url))
    return Executions(open_aws_call(region))


def _json(request: Mapping[str, object]) -> str:
    """As short as can be: an input has a limit, in bytes."""
    text = json.dumps(request, ensure_ascii=False)
    # Halves of surrogate pairs have no bytes.
    return text if _has_bytes(text) else json.dumps(request)


def _has_bytes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _execution(fields: Mapping[str, Any]) -> Execution:
    return Execution(
        str(fields["executionArn"]),
        str(fields["status"]),
        _moment(fields.get("startDate")),
        _moment(fields.get("stopDate")),
        _moment(fields.get("redriveDate")),
        int(fields.get("redriveCount", 0)),
        str(fields.get("error", "")),
        str(fields.get("cause", "")),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _nested(event: Mapping[str, Any]) -> tuple[str, datetime] | None:
    submitted = event.get("taskSubmittedEventDetails", {})
    if submitted.get("resourceType") != "states" or "output" not in submitted:
        return None
    return read_json(submitted["output"])["ExecutionArn"], datetime.fromtimestamp(event["timestamp"], UTC)


def _prepared(event: Mapping[str, Any]) -> dict[str, Any] | None:
    succeeded = event.get("taskSucceededEventDetails", {})
    if succeeded.get("resourceType") != "lambda" or "output" not in succeeded:
        return None
    answer = read_json(succeeded["output"])
    payload = answer.get("Payload") if isinstance(answer, dict) else None
    run = payload.get("run", payload) if isinstance(payload, dict) else None
    return run if isinstance(run, dict) and "folder" in run and "login" in run else None
