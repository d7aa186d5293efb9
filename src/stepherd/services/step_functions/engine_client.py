"""A client of Step Functions for an engine on this machine: what ``Executions`` calls, without boto3.

``pip install stepherd`` brings no boto3, and a run that was stopped is kept by functions that ask about
executions. So an engine, whose key is in the path of its address, is asked by the standard library alone.
Names, fields and errors are botocore's, so that ``Executions`` need not know which client it has.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit

from stepherd.errors import InternalError, TemporaryError
from stepherd.services.json_text import read_json

__all__ = ["EngineClient", "Refused", "is_engine", "post"]

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}
_MOMENTS: Final = {"startDate", "stopDate", "redriveDate", "timestamp"}
_SECONDS: Final = 60.0
"""How long an answer may take."""


class Refused(InternalError):
    """An engine's error answer. ``response`` is as botocore's ClientError has it."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}


def is_engine(url: str) -> bool:
    """Whether an address is that of an engine on this machine, with its key."""
    place = urlsplit(url)
    return place.hostname in _LOOPBACK and len(place.path) > 1


def post(
    url: str, operation: str, request: Mapping[str, Any], seconds: float = _SECONDS
) -> tuple[int, dict[str, Any]]:
    """An engine's status and answer. Raises OSError, HTTPException, ValueError when there is none."""
    place = urlsplit(url)
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"}
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=seconds)
    try:
        connection.request("POST", place.path, json.dumps(request).encode(), headers)
        response = connection.getresponse()
        return response.status, read_json(response.read())
    finally:
        connection.close()


class EngineClient:
    """Its methods have botocore's names and arguments. Each may raise ``Refused`` and TemporaryError."""

    exceptions = SimpleNamespace(ClientError=Refused)

    def __init__(self, url: str) -> None:
        self._url = url

    def describe_execution(self, **request: Any) -> dict[str, Any]:
        """DescribeExecution."""
        return _with_moments(self._call("DescribeExecution", request))

    def start_execution(self, **request: Any) -> dict[str, Any]:
        """StartExecution."""
        return self._call("StartExecution", request)

    def stop_execution(self, **request: Any) -> dict[str, Any]:
        """StopExecution."""
        return self._call("StopExecution", request)

    def send_task_success(self, **request: Any) -> dict[str, Any]:
        """SendTaskSuccess."""
        return self._call("SendTaskSuccess", request)

    def send_task_failure(self, **request: Any) -> dict[str, Any]:
        """SendTaskFailure."""
        return self._call("SendTaskFailure", request)

    def send_task_heartbeat(self, **request: Any) -> dict[str, Any]:
        """SendTaskHeartbeat."""
        return self._call("SendTaskHeartbeat", request)

    def get_paginator(self, operation: str) -> SimpleNamespace:
        """The only one: ``get_execution_history``."""
        if operation != "get_execution_history":
            raise NotImplementedError(operation)
        return SimpleNamespace(paginate=self._history)

    def _history(self, **request: Any) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            page = self._call("GetExecutionHistory", {**request, **more})
            yield {"events": [_with_moments(event) for event in page["events"]]}
            if not page.get("nextToken"):
                return
            more = {"nextToken": page["nextToken"]}

    def _call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            status, answer = post(self._url, operation, request)
        except (OSError, http.client.HTTPException, ValueError) as error:
            words = f"The engine does not answer {operation}: {error or type(error).__name__}."
            raise TemporaryError(words, remedy="Go on with: stepherd resume") from error
        if status == 200:
            return answer
        code = str(answer.get("__type", "")).rpartition("#")[2]
        raise Refused(operation, code, str(answer.get("message", "")))


def _with_moments(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromtimestamp(value, UTC) if name in _MOMENTS else value
        for name, value in fields.items()
    }
