"""Calling the endpoint of an engine on this machine, whose key is in the path of its address (decision 0003).

``pip install stepherd`` brings no boto3, and a run that was stopped is kept by functions that ask about
executions. So the standard library alone has to do.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from stepherd.errors import TemporaryError
from stepherd.remedies import Remedy
from stepherd.services.json_text import read_json
from stepherd.services.step_functions.calls import Call, Refused

__all__ = ["Unanswered", "endpoint_call", "is_engine"]

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}


class Unanswered(TemporaryError):
    """The engine did not answer."""

    def __init__(self, operation: str, why: Exception) -> None:
        super().__init__(
            f"The engine does not answer {operation}: {why or type(why).__name__}.",
            remedy=Remedy("Continue with: ", ("resume",)),
        )
        self.why = why


def is_engine(url: str) -> bool:
    """Whether an address is that of an engine on this machine, with its key."""
    place = urlsplit(url)
    return place.hostname in _LOOPBACK and len(place.path) > 1


def endpoint_call(url: str, seconds: float = 60.0) -> Call:
    """Calls the engine at ``url``, waiting so many seconds for an answer. Raises Unanswered when there is
    none."""

    def call(operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            status, answer = _post(url, operation, arguments, seconds)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(operation, error) from error
        if status == 200:
            return answer
        raise Refused(str(answer.get("__type", "")).rpartition("#")[2], str(answer.get("message", "")))

    return call


def _post(
    url: str, operation: str, arguments: Mapping[str, Any], seconds: float
) -> tuple[int, dict[str, Any]]:
    place = urlsplit(url)
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"}
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=seconds)
    try:
        connection.request("POST", place.path, json.dumps(arguments).encode(), headers)
        response = connection.getresponse()
        return response.status, read_json(response.read())
    finally:
        connection.close()
