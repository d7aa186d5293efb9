"""Histories as the engine writes them, for tests of what is made of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stepherd.engine.api.operations import Api
from stepherd.engine.core import Engine
from stepherd.engine.integrations.contract import TaskCall
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.journal.clock import TurnableClock
from stepherd.engine.journal.records import Attempt

History = list[dict[str, Any]]
Runner = Callable[..., History]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colour setting of whoever runs the tests reaches them."""
    for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"):
        monkeypatch.delenv(name, raising=False)


class Scripted:
    """Functions that fail as often as the script says: ``{"Flaky": 2}`` fails twice; -1 fails for ever."""

    def __init__(self, failures: dict[str, int]) -> None:
        self.failures = failures

    async def submit(self, call: TaskCall) -> Any:
        left = self.failures.get(call.state, 0)
        if left == -2:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        if left:
            self.failures[call.state] = left - 1
            raise TaskError("Oops", "as the script says")
        return {"Payload": {}}

    async def wait(self, call: TaskCall) -> Any:
        raise AssertionError(call)

    async def stop(self, attempt: Attempt) -> None:
        """Nothing runs."""


@pytest.fixture
def history(tmp_path: Path) -> Iterator[Runner]:
    """Runs a definition on a real engine, five minutes before each redrive; the wire history.

    ``stop``: the state in which the run is stopped.
    """

    async def run(definition: dict[str, Any], failures: dict[str, int], redrives: int, stop: str) -> History:
        clock = TurnableClock(automatic=True)
        engine = Engine(tmp_path / "home", clock=clock)
        engine.open({"lambda": Scripted(failures)})
        api = Api(engine)
        text = json.dumps({"QueryLanguage": "JSONata", **definition})
        machine = api.call(
            "CreateStateMachine", {"name": "m", "definition": text, "roleArn": "arn:aws:iam::0:role/r"}
        )
        arn = api.call("StartExecution", {"stateMachineArn": machine["stateMachineArn"]})["executionArn"]

        def events() -> History:
            found = api.call("GetExecutionHistory", {"executionArn": arn, "maxResults": 1000})["events"]
            return list(found)

        if stop:
            while not any(
                event.get("stateEnteredEventDetails", {}).get("name") == stop for event in events()
            ):
                await asyncio.sleep(0)
            api.call("StopExecution", {"executionArn": arn})
        await engine.ended(arn)
        for _ in range(redrives):
            await clock.advance(300)
            api.call("RedriveExecution", {"executionArn": arn})
            await engine.ended(arn)
        told = events()
        await engine.close()
        return told

    def go(
        states: dict[str, Any], failures: dict[str, int] | None = None, redrives: int = 0, stop: str = ""
    ) -> History:
        definition = {"StartAt": next(iter(states)), "States": states}
        return asyncio.run(run(definition, dict(failures or {}), redrives, stop))

    yield go


def task(end: str | None = None, **more: Any) -> dict[str, Any]:
    """A Task state that calls a function; ``end`` is the next state."""
    way = {"Next": end} if end else {"End": True}
    call = {"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f", "Payload": {}}}
    return {"Type": "Task", **call, **way, **more}


@pytest.fixture
def a_task() -> Callable[..., dict[str, Any]]:
    """Makes a Task state."""
    return task
