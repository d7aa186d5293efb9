"""``states:startExecution``: plain, ``.sync``, ``.sync:2`` and with a task token (facts/histories.md 2.2)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from stepherd.engine.api.requests import check_name
from stepherd.engine.asl.values import compact, parse
from stepherd.engine.integrations.answers import service_failure, with_metadata
from stepherd.engine.integrations.contract import Surroundings, TaskCall
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.journal.records import REDRIVABLE, Attempt, Execution

if TYPE_CHECKING:
    from stepherd.engine.core import Engine

__all__ = ["StatesIntegration"]

_ABORTED = "The Task state in AWS Step Functions execution [{}] which was managing this resource was aborted"


class StatesIntegration:
    """Starts executions on the same engine; their names make a second start of the same attempt harmless."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def among(cls, surroundings: Surroundings) -> Self:
        """On the engine itself."""
        return cls(surroundings.engine)

    async def submit(self, call: TaskCall) -> Any:
        """Start the child, or find the one that this attempt started before."""
        parameters = call.parameters
        machine_arn = parameters.get("StateMachineArn", "")
        if not isinstance(machine_arn, str):
            raise _refused("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {compact(machine_arn)[:64]}'")
        name = str(
            parameters.get("Name") or f"{call.attempt.execution}-{call.attempt.event_id}-{call.id[:8]}"
        )
        problem = check_name(name)
        if problem:
            raise _refused("InvalidName", f"Invalid Name: '{name[:80]}': {problem}")
        arn = self._engine.execution_arn(machine_arn, name)
        child = self._engine.journal.execution(arn)
        if child is not None and call.attempt.handle.get("child") != arn:
            raise _refused("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        if child is None:
            child = self._start(call, machine_arn, name, arn)
        answer = {"ExecutionArn": child.arn, "StartDate": _milliseconds(child.started)}
        return with_metadata(answer, "states")

    def _start(self, call: TaskCall, machine_arn: str, name: str, arn: str) -> Execution:
        machine = self._engine.journal.machine(machine_arn)
        if machine is None:
            raise _refused("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{machine_arn}'")
        given = call.parameters.get("Input", {})
        text = given if isinstance(given, str) else compact(given)
        try:
            parse(text)
        except ValueError as error:
            words = f"Invalid State Machine Execution Input: '{error}'"
            raise _refused("InvalidExecutionInput", words) from error
        call.attempt.handle.update({"service": "states", "child": arn, "parent": call.execution_arn})
        call.save()
        return self._engine.start(machine, name, text)

    async def wait(self, call: TaskCall) -> Any:
        """Wait for the child's end; its envelope, or ``States.TaskFailed`` with the envelope as cause."""
        child = await self._engine.ended(call.attempt.handle["child"])
        if child.running:  # The engine leaves it, and this one with it.
            await asyncio.get_running_loop().create_future()
        as_json = call.resource.pattern == "sync:2"
        envelope = describe(child, as_json=as_json)
        if child.status != "SUCCEEDED":
            raise TaskError("States.TaskFailed", compact(envelope))
        return envelope

    async def stop(self, attempt: Attempt) -> None:
        """Stop a child that was waited for; one that was only started continues."""
        if self._engine.closing:
            return
        child = self._engine.journal.execution(attempt.handle.get("child", ""))
        if child is not None and attempt.waits:
            parent = attempt.handle.get("parent")  # Engines before this one did not note it.
            self._engine.stop(child, None, _ABORTED.format(parent) if parent else None)


def describe(execution: Execution, *, as_json: bool) -> dict[str, Any]:
    """A child's description in PascalCase; input and output as JSON values or as text."""

    def shown(text: str) -> Any:
        return parse(text) if as_json else text

    e = execution
    envelope: dict[str, Any] = {
        "ExecutionArn": e.arn,
        "Input": shown(e.input),
        "InputDetails": {"Included": True},
    }
    envelope |= {"Name": e.name, "RedriveCount": e.redrives, "StartDate": _milliseconds(e.started)}
    envelope |= {"StateMachineArn": e.machine_arn, "Status": e.status}
    if e.stopped is not None:
        envelope["StopDate"] = _milliseconds(e.stopped)
    if e.status in REDRIVABLE:
        envelope["RedriveStatus"] = "REDRIVABLE"
        optional = {"Error": e.error, "Cause": e.cause}
    else:
        envelope["RedriveStatus"] = "NOT_REDRIVABLE"
        envelope["RedriveStatusReason"] = f"Execution is {e.status} and cannot be redriven"
        optional = {}
    if e.output is not None:
        envelope |= {"Output": shown(e.output), "OutputDetails": {"Included": True}}
    envelope |= {key: value for key, value in optional.items() if value is not None}
    return dict(sorted(envelope.items()))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _refused(code: str, message: str) -> TaskError:
    return TaskError(f"StepFunctions.{code}Exception", service_failure(message, "AWSStepFunctions", code))
