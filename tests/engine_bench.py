"""A bench for engine tests: an engine on a turned clock, with services that answer by script."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from stepherd.engine.api.operations import Api
from stepherd.engine.core import Engine
from stepherd.engine.integrations.contract import Integration, TaskCall
from stepherd.engine.integrations.states import StatesIntegration
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.journal.clock import TurnableClock
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.records import Attempt

ROLE = "arn:aws:iam::000000000000:role/R"
LAMBDA = "arn:aws:states:::lambda:invoke"
ECS = "arn:aws:states:::ecs:runTask.sync"
SQS_TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:F"


class Scripted:
    """An integration whose answers are given in advance: a value, an error to raise, or a function.

    The last answer repeats. ``calls`` and ``stopped`` tell what the engine asked for.
    """

    def __init__(self, *answers: Any, waits: Iterable[Any] = ()) -> None:
        self._answers = list(answers) or [{"answer": 1}]
        self._waits = list(waits)
        self.calls: list[Any] = []
        self.seen: list[TaskCall] = []
        self.stopped: list[Attempt] = []
        self.by_state: Counter[str] = Counter()

    async def submit(self, call: TaskCall) -> Any:
        self.calls.append(call.parameters)
        self.seen.append(call)
        self.by_state[call.state] += 1
        return await _play(self._answers, call)

    async def wait(self, call: TaskCall) -> Any:
        return await _play(self._waits or [{"done": True}], call)

    async def stop(self, attempt: Attempt) -> None:
        self.stopped.append(attempt)


async def _play(script: list[Any], call: TaskCall) -> Any:
    answer = script.pop(0) if len(script) > 1 else script[0]
    if callable(answer):
        answer = answer(call)
    if isinstance(answer, Awaitable):
        answer = await answer
    if isinstance(answer, BaseException):
        raise answer
    return answer


def hangs(_: TaskCall) -> Awaitable[Any]:
    """An answer that never comes."""
    return asyncio.get_running_loop().create_future()


def fails(error: str | None, cause: str | None = None) -> TaskError:
    return TaskError(error, cause)


class Bench:
    """One engine in one home. ``run`` starts a definition and gives the finished execution."""

    def __init__(
        self,
        home: Path,
        integrations: Mapping[str, Integration] | None = None,
        *,
        automatic: bool = True,
        journal: Journal | None = None,
        clock: Any = None,
        start: float = 1_750_000_000.0,
    ) -> None:
        self.clock = clock or TurnableClock(start, automatic=automatic)
        self.engine = Engine(home, clock=self.clock, journal=journal)
        self.api = Api(self.engine)
        self._integrations = dict(integrations or {})

    async def __aenter__(self) -> Bench:
        self._integrations.setdefault("states", StatesIntegration(self.engine))
        self.resumed = self.engine.open(self._integrations)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()

    def machine(self, states: Mapping[str, Any], name: str = "M", **fields: Any) -> str:
        definition = json.dumps(machine_of(states, **fields))
        self.engine.put_machine(name, definition, ROLE)
        return self.engine.machine_arn(name)

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.api.call(operation, request)

    def start(self, states: Mapping[str, Any], text: str = "{}", *, name: str = "e", **fields: Any) -> str:
        arn = self.machine(states, **fields)
        answer = self.call("StartExecution", stateMachineArn=arn, input=text, name=name)
        return str(answer["executionArn"])

    async def run(self, states: Mapping[str, Any], text: str = "{}", **more: Any) -> Finished:
        return await self.finish(self.start(states, text, **more))

    async def finish(self, arn: str) -> Finished:
        await asyncio.wait_for(self.engine.ended(arn), 20)
        await self.engine.quiet()
        return self.finished(arn)

    def finished(self, arn: str) -> Finished:
        events: list[dict[str, Any]] = []
        token: dict[str, Any] = {}
        while True:
            page = self.call("GetExecutionHistory", executionArn=arn, maxResults=1000, **token)
            events += page["events"]
            if "nextToken" not in page:
                return Finished(self.call("DescribeExecution", executionArn=arn), events)
            token = {"nextToken": page["nextToken"]}

    async def until(self, holds: Callable[[], Any]) -> None:
        """Let the engine work until something holds; no clock is turned."""
        for _ in range(100_000):
            if holds():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never came to hold")


class Finished:
    """A description and a history, with short forms to compare."""

    def __init__(self, description: dict[str, Any], events: list[dict[str, Any]]) -> None:
        self.description = description
        self.events = events

    @property
    def status(self) -> str:
        return str(self.description["status"])

    @property
    def output(self) -> Any:
        return json.loads(self.description["output"])

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def chain(self) -> str:
        """``2<-0 PassStateEntered`` and so on, joined by commas, from the second event."""
        lines = (f"{e['id']}<-{e['previousEventId']} {e['type']}" for e in self.events[1:])
        return ", ".join(lines)

    def details(self, kind: str, nth: int = 0) -> dict[str, Any]:
        """The details of the nth event of a type; {} when it has none."""
        event = [event for event in self.events if event["type"] == kind][nth]
        rest = [v for k, v in event.items() if k not in ("id", "previousEventId", "timestamp", "type")]
        assert len(rest) <= 1
        return dict(rest[0]) if rest else {}

    def check_whole(self) -> None:
        """Ids without gaps, every pointer backwards, exactly one end event, and it is the last."""
        assert self.types[0] == "ExecutionStarted"
        assert self.types.count("ExecutionStarted") == 1
        assert [e["id"] for e in self.events] == list(range(1, len(self.events) + 1))
        assert all(e["previousEventId"] < e["id"] for e in self.events)
        ends = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")
        redrives = self.types.count("ExecutionRedriven")
        assert sum(kind in ends for kind in self.types) == redrives + 1
        assert self.types[-1] in ends


def machine_of(states: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A definition; the first state is where it starts, and states without a way on end it."""
    return {"QueryLanguage": "JSONata", **fields, **body(states)}


def body(states: Mapping[str, Any]) -> dict[str, Any]:
    """StartAt and States. A state of the usual types that names no Next gets End."""
    return {"StartAt": next(iter(states)), "States": {n: _ended(s) for n, s in states.items()}}


def _ended(state: Mapping[str, Any]) -> dict[str, Any]:
    if state["Type"] in ("Choice", "Succeed", "Fail") or "Next" in state:
        return dict(state)
    return {**state, "End": True}


def each(states: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A Map over ``Items``."""
    return {"Type": "Map", "ItemProcessor": body(states), **fields}


def branches(*bodies: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A Parallel."""
    return {"Type": "Parallel", "Branches": [body(each_body) for each_body in bodies], **fields}


def task(resource: str = LAMBDA, **fields: Any) -> dict[str, Any]:
    """A Task with arguments that do not matter."""
    return {"Type": "Task", "Resource": resource, "Arguments": {}, **fields}


def play(
    home: Path,
    states: Mapping[str, Any],
    text: str = "{}",
    integrations: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Finished:
    """Run one execution on an engine of its own, from start to end, and check that its history is whole."""

    async def run() -> Finished:
        async with Bench(home, integrations) as bench:
            return await bench.run(states, text, **fields)

    finished = asyncio.run(run())
    finished.check_whole()
    return finished
