"""The Step Functions API: operations that take and give what AWS's do (facts/histories.md 6)."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from typing import Any

from stepherd.engine.api.errors import ApiError, invalid_member
from stepherd.engine.api.machines import Machines
from stepherd.engine.api.members import NOT_SERVED, checked_members
from stepherd.engine.api.own_operations import AWAIT_CHANGE, own_operations, until_change
from stepherd.engine.api.pages import Pages
from stepherd.engine.api.requests import Request, check_name, execution_of, machine_of, needed
from stepherd.engine.asl.values import MAX_BYTES, parse
from stepherd.engine.callbacks import InvalidToken, TaskClosed, TaskUnknown
from stepherd.engine.core import Engine
from stepherd.engine.journal.history import MAX_EVENTS, wire_event
from stepherd.engine.journal.records import REDRIVABLE, Execution, Listed

__all__ = ["Api", "check_name"]

_REDRIVE_DAYS = 14
_YEAR = 365 * 86_400
_CLIENT_TOKEN_SECONDS = 900


class Api:
    """The operations of one engine. ``call`` dispatches by operation name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.closed = False
        """Set when the engine is about to close: what it answered then, no one would carry out."""
        self._pages = Pages(engine.journal.meta("page_key", lambda: secrets.token_hex(32)))
        machines = Machines(engine, self._pages)
        self.operations: dict[str, Callable[[Request], dict[str, Any]]] = {
            **machines.operations(),
            "DescribeExecution": self.describe_execution,
            "DescribeStateMachineForExecution": lambda request: machines.describe_for_execution(
                request, execution_of(engine, request)
            ),
            "GetExecutionHistory": self.get_execution_history,
            "ListExecutions": self.list_executions,
            "RedriveExecution": self.redrive_execution,
            "SendTaskFailure": self.send_task_failure,
            "SendTaskHeartbeat": self.send_task_heartbeat,
            "SendTaskSuccess": self.send_task_success,
            "StartExecution": self.start_execution,
            "StopExecution": self.stop_execution,
        }
        self._own = own_operations(engine)

    async def until_answered(self, operation: str, request: Request) -> None:
        """Wait before a call where its answer is to come late. Raises ApiError."""
        if operation == AWAIT_CHANGE:
            await until_change(self._engine, request)

    def call(self, operation: str, request: Request) -> dict[str, Any]:
        """Run an operation. Raises ApiError, and the StepherdError that made the engine give up."""
        if self._engine.failure:
            raise self._engine.failure
        if self.closed:
            raise ApiError("ServiceUnavailable", "The engine is closing.")
        if operation in self._own:
            return self._own[operation](request)
        handler = self.operations.get(operation)
        if handler is None:
            why = NOT_SERVED.get(operation)
            words = f"The engine does not serve {operation}." + (f" {why}." if why else "")
            raise ApiError("UnknownOperationException", words)
        return handler(checked_members(operation, request))

    # -- executions --------------------------------------------------------------------------------

    def start_execution(self, request: Request) -> dict[str, Any]:
        """Start an execution; the same name and input again, while it runs, gives the same one."""
        machine = machine_of(self._engine, request)
        name = request.get("name", str(uuid.uuid4()))
        problem = check_name(name)
        if problem:
            raise ApiError("InvalidName", f"Invalid Name: '{name}': {problem}")
        text = request.get("input", "{}")
        self._check_input(text)
        arn = self._engine.execution_arn(machine.arn, name)
        existing = self._engine.journal.execution(arn)
        if self._engine.journal.is_being_removed(arn) or (
            existing and not (existing.running and existing.input == text)
        ):
            raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        trace = request.get("traceHeader")
        execution = existing or self._engine.start(machine, name, text, trace_header=trace)
        return {"executionArn": execution.arn, "startDate": execution.started}

    def _check_input(self, text: str) -> None:
        if len(text.encode()) > MAX_BYTES:
            raise invalid_member("input", f"{text[:64]}…", f"have length less than or equal to {MAX_BYTES}")
        try:
            parse(text)
        except ValueError as error:
            raise ApiError(
                "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'"
            ) from error

    def describe_execution(self, request: Request) -> dict[str, Any]:
        """An execution's facts; ``includedData`` METADATA_ONLY leaves input and output out."""
        answer = self._described(execution_of(self._engine, request))
        if request.get("includedData") == "METADATA_ONLY":
            for key in ("input", "inputDetails", "output", "outputDetails"):
                answer.pop(key, None)
        return answer

    def _described(self, e: Execution) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "executionArn": e.arn, "stateMachineArn": e.machine_arn, "name": e.name, "status": e.status,
            "startDate": e.started, "input": e.input, "inputDetails": {"included": True},
            "redriveCount": e.redrives,
        }  # fmt: skip
        optional = {"stopDate": e.stopped, "output": e.output, "error": e.error, "cause": e.cause}
        optional |= {"redriveDate": e.redriven, "traceHeader": e.trace_header}
        answer |= {key: value for key, value in optional.items() if value is not None}
        if e.output is not None:
            answer["outputDetails"] = {"included": True}
        reason = self._not_redrivable(e)
        answer["redriveStatus"] = "NOT_REDRIVABLE" if reason else "REDRIVABLE"
        if reason:
            answer["redriveStatusReason"] = reason
        return answer

    def _not_redrivable(self, e: Execution) -> str | None:
        if e.status not in REDRIVABLE:
            return f"Execution is {e.status} and cannot be redriven"
        now = self._engine.clock.time()
        if now - (e.stopped or now) > _REDRIVE_DAYS * 86_400:
            return "Execution redrivable period exceeded."
        if now - e.started > _YEAR:
            return "Execution has exceeded the max execution time."
        last = self._engine.journal.events(e.number, reverse=True, limit=1)
        if last and last[0].id >= MAX_EVENTS - 1:
            return "Execution history event limit exceeded."
        return None

    def list_executions(self, request: Request) -> dict[str, Any]:
        """A machine's executions, most recent first."""
        machine = machine_of(self._engine, request)
        status = request.get("statusFilter")
        if status == "PENDING_REDRIVE":
            raise ApiError("ValidationException", "PENDING_REDRIVE is a status of Map runs alone")
        size, scope = self._pages.size(request), f"executions {machine.arn} {status}"
        before = self._pages.start(request, scope, self._engine.clock.time())
        found = self._engine.journal.executions(machine.arn, status, before, size + 1)
        answer: dict[str, Any] = {"executions": [_listed(e) for e in found[:size]]}
        if len(found) > size:
            answer["nextToken"] = self._pages.token(scope, found[size - 1].number, self._engine.clock.time())
        return answer

    def get_execution_history(self, request: Request) -> dict[str, Any]:
        """An execution's events, a page at a time, in order or newest first."""
        e = execution_of(self._engine, request)
        size, reverse = self._pages.size(request), bool(request.get("reverseOrder", False))
        scope = f"history {e.arn} {reverse}"
        after = self._pages.start(request, scope, self._engine.clock.time()) or 0
        events = self._engine.journal.events(e.number, after=after, limit=size + 1, reverse=reverse)
        data = bool(request.get("includeExecutionData", True))
        answer: dict[str, Any] = {"events": [wire_event(event, data=data) for event in events[:size]]}
        if len(events) > size:
            answer["nextToken"] = self._pages.token(scope, events[size - 1].id, self._engine.clock.time())
        return answer

    def stop_execution(self, request: Request) -> dict[str, Any]:
        """Abort an execution; stopping one that has ended changes nothing and gives its stop date."""
        e = execution_of(self._engine, request)
        error, cause = request.get("error"), request.get("cause")
        return {"stopDate": self._engine.stop(e, error, cause)}

    def redrive_execution(self, request: Request) -> dict[str, Any]:
        """Run again what did not succeed; a repeated client token gives the same answer for 15 minutes."""
        e = execution_of(self._engine, request)
        token, now = request.get("clientToken"), self._engine.clock.time()
        known = {t: at for t, at in json.loads(e.redrive_tokens).items() if now - at < _CLIENT_TOKEN_SECONDS}
        if token in known:
            return {"redriveDate": known[token]}
        reason = self._not_redrivable(e)
        if reason:
            raise ApiError("ExecutionNotRedrivable", reason)
        if token is not None:
            known[token] = round(now, 3)
            e.redrive_tokens = json.dumps(dict(list(known.items())[-10:]))
        return {"redriveDate": self._engine.redrive(e)}

    # -- task tokens -------------------------------------------------------------------------------

    def send_task_success(self, request: Request) -> dict[str, Any]:
        """End a task that waits for its token, with its result."""
        output = needed(request, "output")
        if len(output.encode()) > MAX_BYTES:
            raise invalid_member(
                "output", f"{output[:64]}…", f"have length less than or equal to {MAX_BYTES}"
            )
        try:
            parse(output)
        except ValueError as error:
            raise ApiError("InvalidOutput", f"Invalid Output: '{error}'") from error
        return self._answer(request, {"output": output})

    def send_task_failure(self, request: Request) -> dict[str, Any]:
        """End a task that waits for its token, with an error."""
        answer = {"error": request.get("error"), "cause": request.get("cause")}
        return self._answer(request, answer)

    def send_task_heartbeat(self, request: Request) -> dict[str, Any]:
        """Tell that a task is still worked on."""
        return self._with_token(request, self._engine.tokens.heartbeat)

    def _answer(self, request: Request, answer: dict[str, Any]) -> dict[str, Any]:
        return self._with_token(request, lambda token: self._engine.tokens.answer(token, answer))

    def _with_token(self, request: Request, act: Callable[[str], None]) -> dict[str, Any]:
        token = needed(request, "taskToken")
        if not 1 <= len(token) <= 2048:
            raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
        try:
            act(token)
        except InvalidToken as error:
            raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'") from error
        except TaskUnknown as error:
            raise ApiError(
                "TaskDoesNotExist", "Task Does Not Exist: 'Provided task does not exist'"
            ) from error
        except TaskClosed as error:
            raise ApiError(
                "TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'"
            ) from error
        return {}


def _listed(e: Listed) -> dict[str, Any]:
    item: dict[str, Any] = {
        "executionArn": e.arn, "stateMachineArn": e.machine_arn, "name": e.name, "status": e.status,
        "startDate": e.started, "redriveCount": e.redrives,
    }  # fmt: skip
    optional = {"stopDate": e.stopped, "redriveDate": e.redriven}
    return item | {key: value for key, value in optional.items() if value is not None}
