"""Calling the Step Functions API of an engine: of this process, or of another one on loopback."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from stepherd.engine.lock import EngineAddress
from stepherd.errors import InternalError, NotFoundError, StorageError, TemporaryError

__all__ = ["PIPELINE", "ApiFault", "Call", "execution_arn", "machine_arn", "remote_call"]

Call = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""An operation's name and request → its answer."""

PIPELINE = "stepherd-pipeline"
_PLACE = "us-east-1:000000000000"


class ApiFault(InternalError):
    """An error answer of the API that the command did not expect."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}", remedy="")
        self.code = code


def machine_arn(name: str = PIPELINE) -> str:
    """The ARN of a state machine of the embedded engine."""
    return f"arn:aws:states:{_PLACE}:stateMachine:{name}"


def execution_arn(run_id: str) -> str:
    """The ARN of a run's execution."""
    return f"arn:aws:states:{_PLACE}:execution:{PIPELINE}:{run_id}"


def remote_call(address: EngineAddress) -> Call:
    """Calls the endpoint of a live engine. Raises TemporaryError when it does not answer any more."""
    place = urlsplit(address.endpoint)

    def call(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AWSStepFunctions.{operation}",
        }
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        try:
            connection.request("POST", f"/{address.access_key}/", json.dumps(request).encode(), headers)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            words = f"The engine of process {address.pid} does not answer: {error or type(error).__name__}."
            raise TemporaryError(words, remedy="Go on with what it left: stepherd resume") from error
        finally:
            connection.close()
        if response.status != 200:
            raise _fault(answer)
        return answer

    return call


def _fault(answer: Mapping[str, Any]) -> Exception:
    code = str(answer.get("__type", "")).rpartition("#")[2]
    message = str(answer.get("message", ""))
    if code == "ExecutionDoesNotExist":
        return no_such_run(message)
    if code == "InternalServerException":
        return StorageError(message)
    return ApiFault(code, message)


def no_such_run(words: str) -> NotFoundError:
    """The error for a run id that is not known, from the API's words or the id itself."""
    run_id = words.rstrip("'").rpartition(":")[2]
    return NotFoundError(
        f"There is no run '{run_id}' in this home.", remedy="See the runs there are: stepherd list"
    )
