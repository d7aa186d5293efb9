"""Calling Step Functions on AWS: the operations, shapes and errors that commands know from the engine.

=============================  ==================================================================
AWS                            here
=============================  ==================================================================
ExecutionDoesNotExist          NotFoundError naming the run and the stack
StateMachineDoesNotExist       NotFoundError: the stack has no state machine any more
ExecutionAlreadyExists, …      ApiFault with AWS's code, as of the engine
AccessDenied, expired, busy    as ``services.aws_errors``
=============================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from botocore import xform_name
from botocore.exceptions import ClientError

from stepherd.backends.client import ApiFault, Call
from stepherd.errors import NotFoundError, StepherdError, TemporaryError
from stepherd.services.aws.errors import error_code, translated

__all__ = ["aws_call"]

_NO_RUN: Final = {"ExecutionDoesNotExist", "InvalidArn"}
_NO_MACHINE: Final = {"StateMachineDoesNotExist", "StateMachineDeleting"}
_FAULTS: Final = {
    "ExecutionAlreadyExists", "ExecutionNotRedrivable", "InvalidName", "InvalidExecutionInput",
    "InvalidToken", "ValidationException",
}  # fmt: skip


def aws_call(client: Any, stack: str) -> Call:
    """Calls Step Functions by ``client``, about the stack of that name.

    botocore makes a call that is throttled or breaks again, with growing pauses; what is still refused then
    raises TemporaryError.
    """

    def call(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        about = str(request.get("executionArn") or request.get("stateMachineArn") or "Step Functions")
        with translated(about):
            try:
                answer = getattr(client, xform_name(operation))(**request)
            except ClientError as error:
                fault = _fault(error, about, stack)
                if fault is None:
                    raise
                raise fault from error
        answer.pop("ResponseMetadata", None)
        found: dict[str, Any] = _on_the_wire(answer)
        return found

    return call


def _fault(error: ClientError, about: str, stack: str) -> StepherdError | None:
    code, words = error_code(error), str(error.response.get("Error", {}).get("Message", ""))
    if code in _NO_RUN:
        return NotFoundError(
            f"There is no run '{about.rpartition(':')[2]}' in the stack '{stack}'. "
            "Step Functions forgets a run 90 days after its end.",
            remedy="See the runs there are: stepherd list",
        )
    if code in _NO_MACHINE:
        return NotFoundError(
            f"The stack '{stack}' has no state machine {about.rpartition(':')[2]} any more.",
            remedy="Look at it: stepherd doctor",
        )
    if code == "ExecutionLimitExceeded":
        return TemporaryError(f"Too many runs go on at once in this account: {words}", remedy="Try again.")
    return ApiFault(code, words) if code in _FAULTS else None


def _on_the_wire(value: Any) -> Any:
    """Moments as the API sends them, seconds since the epoch, where boto3 has made datetimes of them."""
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, dict):
        return {name: _on_the_wire(part) for name, part in value.items()}
    return [_on_the_wire(part) for part in value] if isinstance(value, list) else value
