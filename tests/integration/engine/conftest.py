"""A whole local engine in a thread of its own, and clients for its endpoint."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import ECS, LAMBDA, SQS_TOKEN, Finished, machine_of

from stepherd.engine.local import LocalEngine

FUNCTION = """
import json, os, sys, time


def handle(event, context):
    if "Records" in event:
        with open(os.environ["HEARD"], "a") as file:
            file.write(event["Records"][0]["Sns"]["Message"] + "\\n")
        return None
    do = event["do"]
    if do == "echo":
        return event.get("value")
    if do == "raise":
        raise ValueError("no good")
    if do == "exit":
        os._exit(3)
    if do == "sleep":
        time.sleep(600)
    if do == "unprintable":
        return {1, 2}
    if do == "environment":
        return {"names": sorted(os.environ), "from": os.environ.get("FROM_TEMPLATE"), "pid": os.getpid()}
    if do == "call back":
        import boto3
        url = os.environ["AWS_ENDPOINT_URL_SFN"]
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "y"}
        client = boto3.client("stepfunctions", endpoint_url=url, region_name="us-east-1", **keys)
        client.send_task_success(taskToken=event["token"], output=json.dumps("called back"))
        return None
"""
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Word: {Type: String, Default: unset}
Globals:
  Function: {Runtime: python3.13, Timeout: 2, Environment: {Variables: {FROM_TEMPLATE: !Sub "is ${Word}"}}}
Resources:
  Do:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: do
      CodeUri: code/
      Handler: app.handle
      Environment: {Variables: {HEARD: !Ref Heard}}
      Events:
        Heard: {Type: SNS, Properties: {Topic: !Ref News}}
  Missing:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: missing, CodeUri: code/, Handler: nowhere.handle}
  News: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}
  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}
  Job:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: job
      ContainerDefinitions:
        - Name: main
          Image: none
          Command: [/bin/sh, -c, "exit $CODE"]
          Environment: [{Name: CODE, Value: "0"}]
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: calls
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: {Function: !GetAtt Do.Arn}
"""


class Site:
    """A running local engine and ways to call it from the test's own thread."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.heard = folder / "heard"
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)

    def open(self) -> None:
        self._thread.start()
        self.do(self._open)

    def _open(self) -> None:
        parameters = {"Word": "told", "Heard": str(self.heard)}
        self.local = LocalEngine(self.home, self.folder / "template.yaml", parameters)
        assert self.local.acquire()
        self.local.open()

    def do(self, work: Callable[[], Any]) -> Any:
        """Call something in the engine's thread."""

        async def call() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(20)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.local.close(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def client(self, key: str | None = None, endpoint: str | None = None) -> Any:
        """A boto3 client that shows the engine's key."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "stepfunctions",
            endpoint_url=endpoint or self.local.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key or self.local.access_key,
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def run(self, states: dict[str, Any], text: str = "{}", *, name: str, **fields: Any) -> Finished:
        """Run a definition to its end."""
        definition = json.dumps(machine_of(states, **fields))
        machine = self.do(lambda: self.local.engine.put_machine(name, definition, "arn:aws:iam::0:role/R"))
        request = {"stateMachineArn": machine.arn, "input": text, "name": "e"}
        arn = self.do(lambda: self.local.api.call("StartExecution", request))["executionArn"]
        return self.finish(arn)

    def finish(self, arn: str) -> Finished:
        asyncio.run_coroutine_threadsafe(self.local.engine.ended(arn), self.loop).result(60)
        call = self.local.api.call
        description = self.do(lambda: call("DescribeExecution", {"executionArn": arn}))
        history = self.do(lambda: call("GetExecutionHistory", {"executionArn": arn, "maxResults": 1000}))
        done = Finished(description, history["events"])
        done.check_whole()
        return done


def lay_out(folder: Path) -> None:
    """The files of a small application."""
    (folder / "code").mkdir(parents=True)
    (folder / "code/app.py").write_text(FUNCTION)
    text = TEMPLATE.replace(
        "  Word: {", f"  Heard: {{Type: String, Default: {folder / 'heard'}}}\n  Word: {{"
    )
    (folder / "template.yaml").write_text(text)
    call = {"Type": "Task", "Resource": "${Function}", "Arguments": {"do": "echo", "value": 1}}
    (folder / "machine.asl.json").write_text(json.dumps(machine_of({"Call": call})))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One engine for a module's tests."""
    folder = tmp_path_factory.mktemp("site")
    lay_out(folder / "application")
    opened = Site(folder / "home", folder / "application")
    opened.open()
    yield opened
    opened.close()


__all__ = ["ECS", "LAMBDA", "SQS_TOKEN", "Site", "lay_out"]
