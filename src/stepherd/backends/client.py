"""Calling the Step Functions API of an engine: of this process, or of another one on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stepherd.engine.api.errors import ApiError
from stepherd.engine.identity import ACCOUNT, REGION
from stepherd.engine.journal.lock import EngineAddress
from stepherd.errors import StepherdError, TemporaryError
from stepherd.remedies import Remedy
from stepherd.services.step_functions.calls import Call, Refused, in_process
from stepherd.services.step_functions.endpoint import Unanswered, endpoint_call
from stepherd.services.step_functions.errors import EngineGone, Where, in_words

if TYPE_CHECKING:
    from pathlib import Path

    from stepherd.engine.api.operations import Api

__all__ = [
    "KEEP",
    "LOGIN",
    "PIPELINE",
    "Call",
    "EngineGone",
    "Refused",
    "execution_arn",
    "local_call",
    "machine_arn",
    "remote_call",
]

PIPELINE = "stepherd-pipeline"
LOGIN = "stepherd-login"
KEEP = "stepherd-keep"
_PLACE = f"arn:aws:states:{REGION}:{ACCOUNT}"
_SECONDS: Final = 30.0
"""How long an engine on this machine may take to answer."""


def _where(home: Path | None) -> Where:
    return Where("this home" if home is None else str(home))


def machine_arn(machine: str = PIPELINE) -> str:
    """The ARN of a state machine of this application on the embedded engine."""
    return f"{_PLACE}:stateMachine:{machine}"


def execution_arn(name: str, machine: str = PIPELINE) -> str:
    """The ARN of an execution of it: of a run, by its id."""
    return f"{_PLACE}:execution:{machine}:{name}"


def local_call(api: Api, home: Path | None = None) -> Call:
    """Calls the API of an engine in this process. An error names its ``home``."""
    return in_words(in_process(api.call, ApiError), _where(home))


def remote_call(address: EngineAddress, home: Path | None = None) -> Call:
    """Calls the endpoint of a live engine. An error names its ``home``.

    Raises EngineGone when it has ended.
    """
    worded = in_words(endpoint_call(f"{address.endpoint}/{address.access_key}/", _SECONDS), _where(home))

    def call(operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return worded(operation, arguments)
        except Unanswered as error:
            raise _unanswered(address, error.why) from error

    return call


def _unanswered(address: EngineAddress, error: Exception) -> StepherdError:
    words = f"The engine of process {address.pid} does not answer: {error or type(error).__name__}."
    if isinstance(error, TimeoutError):
        return TemporaryError(words, remedy=Remedy("Try again; if it hangs, end it and run: ", ("resume",)))
    return EngineGone(words, remedy=Remedy("Continue its runs: ", ("resume",)))
