"""Error answers of Step Functions, as errors for a user of runs.

=============================  ==================================================================
its code                       here
=============================  ==================================================================
ExecutionDoesNotExist          NotFoundError naming the run, and where it was looked for
StateMachineDoesNotExist       NotFoundError: the state machine is not there any more
ServiceUnavailable             EngineGone: an engine that is ending says so
InternalServerException        StorageError: an engine could not write
ExecutionLimitExceeded         TemporaryError
all others                     Refused, as it is
=============================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepherd.errors import NotFoundError, StepherdError, StorageError, TemporaryError
from stepherd.remedies import Remedy
from stepherd.services.step_functions.calls import Call, Refused

__all__ = ["EngineGone", "NoSuchRun", "Where", "in_words"]


class EngineGone(TemporaryError):
    """The engine that was talked to has ended; its home may have another one by now."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where runs are, for the words of an error."""

    title: str
    """Such as ``this home``."""
    forgets: str = ""
    """How long it remembers a run, in a sentence."""


class NoSuchRun(NotFoundError):
    """There is no run of the name that was given."""


def in_words(call: Call, where: Where) -> Call:
    """``call`` with errors in words."""

    def worded(operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return call(operation, arguments)
        except Refused as refused:
            error = _error_of(refused, arguments, where)
            if error is refused:
                raise
            raise error from refused

    return worded


def _error_of(refused: Refused, arguments: Mapping[str, Any], where: Where) -> StepherdError:
    match refused.code:
        case "ExecutionDoesNotExist" | "InvalidArn" if "executionArn" in arguments:
            words = f"There is no run '{_name(arguments['executionArn'])}' in {where.title}. {where.forgets}"
            return NoSuchRun(words.strip(), remedy=Remedy("List the runs: ", ("list",)))
        case "StateMachineDoesNotExist" | "StateMachineDeleting":
            machine = _name(arguments.get("stateMachineArn", ""))
            words = f"{where.title[:1].upper()}{where.title[1:]} has no state machine {machine} any more."
            return NotFoundError(words, remedy=Remedy("Check it: ", ("doctor",)))
        case "ServiceUnavailable":
            return EngineGone("The engine is ending.", remedy="Try again.")
        case "InternalServerException":
            return StorageError(refused.said)
        case "ExecutionLimitExceeded":
            words = f"Too many runs are under way in this account: {refused.said}"
            return TemporaryError(words, remedy="Try again.")
        case _:
            return refused


def _name(arn: object) -> str:
    return str(arn).rpartition(":")[2]
