"""A pipeline that costs nothing, on an embedded engine in a thread: what a run does is its message."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stepherd.engine.local import LocalEngine

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Pipeline:
    Type: AWS::Serverless::StateMachine
    Properties: {Name: stepherd-pipeline, DefinitionUri: pipeline.asl.json}
"""


def _when(word: str, state: str) -> dict[str, str]:
    return {"Condition": "{% $states.input.message = '" + word + "' %}", "Next": state}


DEFINITION = {
    "QueryLanguage": "JSONata",
    "StartAt": "Choose",
    "States": {
        "Choose": {
            "Type": "Choice",
            "Choices": [_when("wait", "Wait"), _when("fail", "Fail")],
            "Default": "Done",
        },
        "Wait": {"Type": "Wait", "Seconds": 3600, "End": True},
        "Fail": {"Type": "Fail", "Error": "RunFailed", "Cause": "because it was asked to"},
        "Done": {"Type": "Succeed"},
    },
}


class Machine:
    """A running engine with that pipeline."""

    def __init__(self, folder: Path) -> None:
        (folder / "template.yaml").write_text(TEMPLATE)
        (folder / "pipeline.asl.json").write_text(json.dumps(DEFINITION))
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.do(self._open)

    def _open(self) -> None:
        self.engine = LocalEngine(self._folder / "home", self._folder / "template.yaml", {})
        assert self.engine.acquire()
        self.engine.open()

    @property
    def address(self) -> str:
        """For AWS_ENDPOINT_URL_SFN."""
        return f"{self.engine.endpoint}/{self.engine.access_key}/"

    def do(self, work: Callable[[], Any]) -> Any:
        """Call something in the engine's thread."""

        async def call() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(20)

    def ended(self, run_id: str) -> None:
        """Wait for a run's end."""
        arn = f"arn:aws:states:us-east-1:000000000000:execution:stepherd-pipeline:{run_id}"
        asyncio.run_coroutine_threadsafe(self.engine.engine.ended(arn), self._loop).result(20)

    def runs(self) -> list[str]:
        """The names of all executions, newest first."""
        machine = "arn:aws:states:us-east-1:000000000000:stateMachine:stepherd-pipeline"
        request = {"stateMachineArn": machine, "maxResults": 1000}
        answer = self.do(lambda: self.engine.api.call("ListExecutions", request))
        return [each["name"] for each in answer["executions"]]

    def close(self) -> None:
        """End it."""
        asyncio.run_coroutine_threadsafe(self.engine.close(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
