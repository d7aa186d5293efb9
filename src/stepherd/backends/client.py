"""Calling the Step Functions API of an engine: of this process, or of another one on loopback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stepherd.engine.identity import ACCOUNT, REGION
from stepherd.engine.journal.lock import EngineAddress
from stepherd.errors import InternalError, NotFoundError, StepherdError, StorageError, TemporaryError

if TYPE_CHECKING:
    from stepherd.engine.api.operations import Api

__all__ = [
    "KEEP",
    "LOGIN",
    "PIPELINE",
    "ApiFault",
    "Call",
    "EngineGone",
    "execution_arn",
    "local_call",
    "machine_arn",
    "remote_call",
]

Call = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""An operation's name and request → its answer."""

PIPELINE = "stepherd-pipeline"
LOGIN = "stepherd-login"
KEEP = "stepherd-keep"
_PLACE = f"arn:aws:states:{REGION}:{ACCOUNT}"


class ApiFault(InternalError):
    """An error answer of the API that the command did not expect."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class EngineGone(TemporaryError):
    """The engine that was talked to has ended; its home may have another one by now."""


def machine_arn(machine: str = PIPELINE) -> str:
    """The ARN of a state machine of this application on the embedded engine."""
    return f"{_PLACE}:stateMachine:{machine}"


def execution_arn(name: str, machine: str = PIPELINE) -> str:
    """The ARN of an execution of it: of a run, by its id."""
    return f"{_PLACE}:execution:{machine}:{name}"


def local_call(api: Api) -> Call:
    """Calls the API of an engine in this process."""
    from stepherd.engine.api.errors import ApiError

    def call(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return api.call(operation, request)
        except ApiError as error:
            raise _fault(error.code, error.message) from error

    return call


def remote_call(address: EngineAddress) -> Call:
    """Calls the endpoint of a live engine. Raises EngineGone when it has ended."""
    import http.client

    from stepherd.services.step_functions.engine_client import post

    url = f"{address.endpoint}/{address.access_key}/"

    def call(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            status, answer = post(url, operation, request, seconds=30)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unanswered(address, error) from error
        if status != 200:
            code = str(answer.get("__type", "")).rpartition("#")[2]
            raise _fault(code, str(answer.get("message", "")))
        return answer

    return call


def _unanswered(address: EngineAddress, error: Exception) -> StepherdError:
    words = f"The engine of process {address.pid} does not answer: {error or type(error).__name__}."
    if isinstance(error, TimeoutError):
        return TemporaryError(words, remedy="Try again; if it hangs, end it and go on with: stepherd resume")
    return EngineGone(words, remedy="Go on with what it left: stepherd resume")


def _fault(code: str, message: str) -> StepherdError:
    if code == "ExecutionDoesNotExist":
        run_id = message.rstrip("'").rpartition(":")[2]
        words = f"There is no run '{run_id}' in this home."
        return NotFoundError(words, remedy="See the runs there are: stepherd list")
    if code == "ServiceUnavailable":
        return EngineGone("The engine is ending.", remedy="Try again.")
    if code == "InternalServerException":
        return StorageError(message)
    return ApiFault(code, message)
