"""The Step Functions API: operations that take and give what AWS's do (facts/histories.md 6)."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from stepherd.engine.api.errors import ApiError, invalid_member
from stepherd.engine.api.pages import Pages
from stepherd.engine.asl.loading import InvalidDefinition, problems_of
from stepherd.engine.asl.values import MAX_BYTES, is_unicode, parse
from stepherd.engine.callbacks import InvalidToken, TaskClosed, TaskUnknown
from stepherd.engine.core import Engine
from stepherd.engine.journal.history import MAX_EVENTS, wire_event
from stepherd.engine.journal.records import FINAL, REDRIVABLE, Execution, Machine

__all__ = ["Api", "check_name"]

_FORBIDDEN = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\U00010000-\U0010ffff]")
_REDRIVE_DAYS = 14
_YEAR = 365 * 86_400
_CLIENT_TOKEN_SECONDS = 900
Request = Mapping[str, Any]


def check_name(name: str) -> str | None:
    """The problem with a name of an execution or machine; None when it is good (fault 4)."""
    if not 1 <= len(name) <= 80:
        return f"a name has 1 to 80 characters, this one has {len(name)}"
    bad = _FORBIDDEN.search(name)
    return f"the character {bad[0]!r} is not allowed in a name" if bad else None


def _need(request: Request, member: str) -> str:
    value = request.get(member)
    if not isinstance(value, str):
        raise invalid_member(member, value, "not be null")
    if not is_unicode(value):
        raise invalid_member(member, repr(value)[:64], "be a string of Unicode characters")
    return value


def _optional(request: Request, member: str, limit: int) -> str | None:
    value = request.get(member)
    if value is None:
        return None
    if not isinstance(value, str) or not is_unicode(value):
        raise invalid_member(member, repr(value)[:64], "be a string of Unicode characters")
    if len(value) > limit:
        raise invalid_member(member, f"{value[:64]}…", f"have length less than or equal to {limit}")
    return value


class Api:
    """The operations of one engine. ``call`` dispatches by operation name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.closed = False
        """Set when the engine is about to close: what it answered then, no one would carry out."""
        self._pages = Pages(engine.journal.meta("page_key", lambda: secrets.token_hex(32)))
        self.operations: dict[str, Callable[[Request], dict[str, Any]]] = {
            "CreateStateMachine": self.create_state_machine,
            "DeleteStateMachine": self.delete_state_machine,
            "DescribeExecution": self.describe_execution,
            "DescribeStateMachine": self.describe_state_machine,
            "DescribeStateMachineForExecution": self.describe_state_machine_for_execution,
            "GetExecutionHistory": self.get_execution_history,
            "ListExecutions": self.list_executions,
            "ListStateMachines": self.list_state_machines,
            "RedriveExecution": self.redrive_execution,
            "SendTaskFailure": self.send_task_failure,
            "SendTaskHeartbeat": self.send_task_heartbeat,
            "SendTaskSuccess": self.send_task_success,
            "StartExecution": self.start_execution,
            "StopExecution": self.stop_execution,
            "UpdateStateMachine": self.update_state_machine,
            "ValidateStateMachineDefinition": self.validate_definition,
        }

    def call(self, operation: str, request: Request) -> dict[str, Any]:
        """Run an operation. Raises ApiError, and the StepherdError that made the engine give up."""
        if self._engine.failure:
            raise self._engine.failure
        if self.closed:
            raise ApiError("ServiceUnavailable", "The engine is closing.")
        handler = self.operations.get(operation)
        if handler is None:
            raise ApiError("UnknownOperationException", f"The engine does not serve {operation}.")
        return handler(request)

    # -- state machines ----------------------------------------------------------------------------

    def create_state_machine(self, request: Request) -> dict[str, Any]:
        """Create a machine; the same again succeeds, another under its name does not."""
        name, definition, role = (_need(request, key) for key in ("name", "definition", "roleArn"))
        problem = check_name(name)
        if problem:
            raise ApiError("InvalidName", f"Invalid Name: '{name}': {problem}")
        if request.get("type", "STANDARD") != "STANDARD":
            raise ApiError("StateMachineTypeNotSupported", "Only STANDARD state machines are supported")
        existing = self._engine.journal.machine(self._engine.machine_arn(name))
        if existing and (existing.definition, existing.role_arn) != (definition, role):
            raise ApiError("StateMachineAlreadyExists", f"State Machine Already Exists: '{existing.arn}'")
        machine = existing or self._put(name, definition, role, request)
        return {"stateMachineArn": machine.arn, "creationDate": machine.created}

    def _put(self, name: str, definition: str, role: str, request: Request) -> Machine:
        settings = {k: request[k] for k in ("loggingConfiguration", "tracingConfiguration") if k in request}
        try:
            return self._engine.put_machine(name, definition, role, json.dumps(settings))
        except InvalidDefinition as error:
            raise ApiError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from error

    def update_state_machine(self, request: Request) -> dict[str, Any]:
        """Change a machine; executions that run keep the definition they started with."""
        machine = self._machine(request)
        if not any(
            key in request
            for key in ("definition", "roleArn", "loggingConfiguration", "tracingConfiguration")
        ):
            raise ApiError(
                "MissingRequiredParameter",
                "Either the definition, the role ARN or a configuration must be specified",
            )
        kept = {"definition": machine.definition, "roleArn": machine.role_arn}
        definition, role = (_need({**kept, **request}, member) for member in kept)
        updated = self._put(machine.name, definition, role, request)
        return {"updateDate": updated.created, "revisionId": updated.revision}

    def delete_state_machine(self, request: Request) -> dict[str, Any]:
        """Delete a machine; deleting one that is not there succeeds."""
        arn = self._arn(request, "stateMachineArn")
        self._engine.journal.remove_machine(arn)
        self._engine.journal.flush()
        return {}

    def describe_state_machine(self, request: Request) -> dict[str, Any]:
        """A machine with its definition."""
        return _describe_machine(self._machine(request))

    def describe_state_machine_for_execution(self, request: Request) -> dict[str, Any]:
        """The machine as it was when the execution started."""
        e = self._execution(request)
        name = e.machine_arn.rsplit(":", 1)[-1]
        return {
            "stateMachineArn": e.machine_arn, "name": name, "definition": e.definition,
            "roleArn": e.role_arn, "updateDate": e.started,
        }  # fmt: skip

    def list_state_machines(self, request: Request) -> dict[str, Any]:
        """All machines, a page at a time."""
        machines = self._engine.journal.machines()
        start = int(self._pages.start(request, "machines", self._engine.clock.time()) or 0)
        size = self._pages.size(request)
        page = machines[start : start + size]
        answer: dict[str, Any] = {
            "stateMachines": [
                {"stateMachineArn": m.arn, "name": m.name, "type": "STANDARD", "creationDate": m.created}
                for m in page
            ]
        }
        if len(machines) > start + size:
            answer["nextToken"] = self._pages.token("machines", start + size, self._engine.clock.time())
        return answer

    def validate_definition(self, request: Request) -> dict[str, Any]:
        """The problems of a definition, without creating anything."""
        problems = problems_of(_need(request, "definition"))
        diagnostics = [
            {"severity": "ERROR", "code": p.code, "message": p.message, "location": p.path} for p in problems
        ]
        limit = self._pages.size(request)
        result = "FAIL" if diagnostics else "OK"
        return {"result": result, "diagnostics": diagnostics[:limit], "truncated": len(diagnostics) > limit}

    def _arn(self, request: Request, member: str) -> str:
        value = _need(request, member)
        if not value.startswith("arn:"):
            raise ApiError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {value}'")
        return value

    def _machine(self, request: Request) -> Machine:
        arn = self._arn(request, "stateMachineArn")
        machine = self._engine.journal.machine(arn)
        if machine is None:
            raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return machine

    # -- executions --------------------------------------------------------------------------------

    def start_execution(self, request: Request) -> dict[str, Any]:
        """Start an execution; the same name and input again, while it runs, gives the same one."""
        machine = self._machine(request)
        name = _need(request, "name") if request.get("name") is not None else str(uuid.uuid4())
        problem = check_name(name)
        if problem:
            raise ApiError("InvalidName", f"Invalid Name: '{name}': {problem}")
        text = _need(request, "input") if request.get("input") is not None else "{}"
        self._check_input(text)
        existing = self._engine.journal.execution(self._engine.execution_arn(machine.arn, name))
        if existing and not (existing.running and existing.input == text):
            raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{existing.arn}'")
        trace = _optional(request, "traceHeader", 256)
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

    def _execution(self, request: Request) -> Execution:
        arn = self._arn(request, "executionArn")
        execution = self._engine.journal.execution(arn)
        if execution is None:
            raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return execution

    def describe_execution(self, request: Request) -> dict[str, Any]:
        """An execution's facts; ``includedData`` METADATA_ONLY leaves input and output out."""
        answer = self._described(self._execution(request))
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
        machine = self._machine(request)
        status = _optional(request, "statusFilter", 64)
        if status is not None and status not in FINAL | {"RUNNING", "PENDING_REDRIVE"}:
            allowed = "[PENDING_REDRIVE, TIMED_OUT, SUCCEEDED, FAILED, ABORTED, RUNNING]"
            raise invalid_member("statusFilter", status, f"satisfy enum value set: {allowed}")
        if request.get("redriveFilter") is not None or request.get("mapRunArn") is not None:
            raise ApiError("ValidationException", "There are no Map runs: only an inline Map is supported")
        size, scope = self._pages.size(request), f"executions {machine.arn} {status}"
        before = self._pages.start(request, scope, self._engine.clock.time())
        found = self._engine.journal.executions(machine.arn, status, before, size + 1)
        answer: dict[str, Any] = {"executions": [_listed(e) for e in found[:size]]}
        if len(found) > size:
            answer["nextToken"] = self._pages.token(scope, found[size - 1].number, self._engine.clock.time())
        return answer

    def get_execution_history(self, request: Request) -> dict[str, Any]:
        """An execution's events, a page at a time, in order or newest first."""
        e = self._execution(request)
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
        e = self._execution(request)
        error, cause = _optional(request, "error", 256), _optional(request, "cause", 32_768)
        return {"stopDate": self._engine.stop(e, error, cause)}

    def redrive_execution(self, request: Request) -> dict[str, Any]:
        """Run again what did not succeed; a repeated client token gives the same answer for 15 minutes."""
        e = self._execution(request)
        token, now = _optional(request, "clientToken", 64), self._engine.clock.time()
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
        output = _need(request, "output")
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
        answer = {"error": _optional(request, "error", 256), "cause": _optional(request, "cause", 32_768)}
        return self._answer(request, answer)

    def send_task_heartbeat(self, request: Request) -> dict[str, Any]:
        """Tell that a task is still worked on."""
        return self._with_token(request, self._engine.tokens.heartbeat)

    def _answer(self, request: Request, answer: dict[str, Any]) -> dict[str, Any]:
        return self._with_token(request, lambda token: self._engine.tokens.answer(token, answer))

    def _with_token(self, request: Request, act: Callable[[str], None]) -> dict[str, Any]:
        token = _need(request, "taskToken")
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


def _describe_machine(m: Machine) -> dict[str, Any]:
    off = {"level": "OFF", "includeExecutionData": False}
    settings = {
        "loggingConfiguration": off,
        "tracingConfiguration": {"enabled": False},
        **json.loads(m.settings),
    }
    return {
        "stateMachineArn": m.arn, "name": m.name, "status": "ACTIVE", "definition": m.definition,
        "roleArn": m.role_arn, "type": "STANDARD", "creationDate": m.created, "revisionId": m.revision,
        **settings,
    }  # fmt: skip


def _listed(e: Execution) -> dict[str, Any]:
    item: dict[str, Any] = {
        "executionArn": e.arn, "stateMachineArn": e.machine_arn, "name": e.name, "status": e.status,
        "startDate": e.started, "redriveCount": e.redrives,
    }  # fmt: skip
    optional = {"stopDate": e.stopped, "redriveDate": e.redriven}
    return item | {key: value for key, value in optional.items() if value is not None}
