"""An emulator that is not ours takes the deployed application whole, and a call goes through it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.cloud import stack
from tests.integration.cloud.emulator import Emulator, running, until
from tests.integration.cloud.inventory import LISTS, PARTS, inventory
from tests.integration.cloud.project import native_layer, run
from tests.integration.cloud.stack import Stack

# Every resource of the template, those that some parameter asks for too.
_PARAMETERS = {
    "LoginEmail": "ada@example.com",
    "InstructionBuckets": "arn:aws:s3:::specifications",
    # Without images no run would begin.
    "GitImage": "h.example/git:1",
    "AgentImage": "h.example/agent:1",
}
_REQUEST = {
    "run": {"repo": "https://example.com/some/repository.git", "agent": "command", "command": "true"},
    "instructions": "# Change nothing\n",
}
_DROPPED = """---
repo: https://example.com/some/repository.git
agent: command
command: "true"
---
# Change nothing
"""


@pytest.fixture
def emulator(require: Callable[[str], str], tmp_path: Path) -> Iterator[Emulator]:
    with running(require("ministack"), tmp_path / "emulator") as found:
        yield found


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_resource_of_the_translated_template_is_created_and_none_outlives_the_stack_but_the_bucket(
    require: Callable[[str], str], project: Path, emulator: Emulator
) -> None:
    template = stack.translated(require, project, emulator)
    expected = {name: resource["Type"] for name, resource in template["Resources"].items()}
    assert set(expected.values()) <= {*LISTS, *PARTS}
    before = inventory(emulator, LISTS)

    made = stack.create(emulator, stack.adapt(template), _PARAMETERS)
    assert (made.status, made.complaints) == ("CREATE_COMPLETE", ())
    assert set(made.outputs) == set(template["Outputs"])
    # By CloudFormation's list …
    assert {item["ResourceStatus"] for item in made.created.values()} == {"CREATE_COMPLETE"}
    own = {name: item for name, item in made.created.items() if not name.startswith("Adapted")}
    assert {name: item["ResourceType"] for name, item in own.items()} == expected
    # … and by the lists of the services.
    ids = {(item["ResourceType"], item["PhysicalResourceId"]) for item in own.values()}
    assert {(kind, name) for kind, name in ids if kind in LISTS} <= inventory(emulator, LISTS) - before

    made.delete()
    bucket = ("AWS::S3::Bucket", made.created["Bucket"]["PhysicalResourceId"])
    assert inventory(emulator, LISTS) - before == {bucket}


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_the_emulator_lacks_it_still_lacks(
    require: Callable[[str], str], project: Path, emulator: Emulator
) -> None:
    template = stack.translated(require, project, emulator)
    made = stack.create(emulator, template, _PARAMETERS)
    assert made.complaints == ()
    assert set(stack.LACKS) == {
        name
        for name, resource in stack.adapt(template)["Resources"].items()
        if not name.startswith("Adapted") and resource != template["Resources"][name]
    }


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_a_call_an_upload_and_a_message_start_runs_through_api_rules_queue_and_functions(
    require: Callable[[str], str], project: Path, emulator: Emulator
) -> None:
    made = _deployed_with_code_that_runs_here(require, project, emulator)
    api = made.outputs["ApiEndpoint"].removeprefix("https://").partition(".")[0]
    host = f"{api}.execute-api.localhost"
    grace, ada = (_new_key(made, owner) for owner in ("grace", "ada"))

    def call(method: str, path: str, key: str, body: str | None = None) -> tuple[int, Any]:
        headers = {"X-API-Key": key} if key else {}
        status, text = emulator.call(method, path, host, body, **headers)
        return status, json.loads(text)

    # WHEN the gateway asks the authorizer, and the authorizer its secret
    keys = ("", "sk_live_" + "0" * 64, ada)
    assert [call("GET", "/executions", key)[0] for key in keys] == [401, 403, 200]
    # THEN a call starts the machine, which starts the first function of a run
    status, started = call("POST", "/executions", ada, json.dumps(_REQUEST))
    assert status == 202, started
    run_id = started["run_id"]
    bucket, s3 = made.outputs["StoreUri"].removeprefix("s3://"), emulator.client("s3")
    until(lambda: f"runs/{run_id}/request.json" in _keys(s3, bucket), 120)
    assert _runs(call("GET", "/executions", ada)) == {run_id: "RUNNING"}
    # AND it is its owner's alone
    assert _runs(call("GET", "/executions", grace)) == {}
    assert [call(*route, grace)[0] for route in _routes_of(run_id)] == [404] * 4
    assert call("POST", f"/executions/{run_id}/stop", ada)[0] == 202
    until(lambda: _runs(call("GET", "/executions", ada)) == {run_id: "ABORTED"}, 120)

    # WHEN instructions are dropped into the bucket THEN that starts a run, and its end is told there
    s3.put_object(Bucket=bucket, Key="inbox/job/instructions.md", Body=_DROPPED.encode())
    until(lambda: _status(s3, bucket).get("status") == "RUNNING", 120)
    dropped = _status(s3, bucket)["run_id"]
    machines = emulator.client("stepfunctions")
    execution = made.outputs["PipelineArn"].replace(":stateMachine:", ":execution:") + f":{dropped}"
    until(lambda: f"runs/{dropped}/request.json" in _keys(s3, bucket), 120)
    machines.stop_execution(executionArn=execution)
    until(lambda: _status(s3, bucket).get("status") == "ABORTED", 120)

    # WHEN messages are sent THEN what can be taken starts a run, and what cannot stays in the queue
    sqs, queue = emulator.client("sqs"), made.outputs["RunQueueUrl"]
    for message in ("no JSON", json.dumps(_REQUEST)):
        sqs.send_message(QueueUrl=queue, MessageBody=message)
    until(lambda: any(key.startswith("runs/run_queue_") for key in _keys(s3, bucket)), 120)
    until(lambda: _left(sqs, queue) == 1, 120)


def _left(sqs: Any, queue: str) -> int:
    kinds = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=kinds)["Attributes"]
    return sum(int(found[kind]) for kind in kinds)


def _deployed_with_code_that_runs_here(
    require: Callable[[str], str], project: Path, emulator: Emulator
) -> Stack:
    """Functions run by the emulator's own Python, so the layer's wheels are for that one. Its context has no
    RedriveCount, which is 0 in Step Functions when an execution was not redriven."""
    for machine in (project / "statemachines").glob("*.json"):
        counted = machine.read_text().replace("$states.context.Execution.RedriveCount", "0")
        machine.write_text(counted)
    native_layer(project, project / "native", str(Path(require("ministack")).with_name("python")))
    template = project / "template.yaml"
    text = template.read_text()
    assert text.count("ContentUri: layer/") == 1
    template.write_text(text.replace("ContentUri: layer/", "ContentUri: native/"))
    translated = stack.translated(require, project, emulator)
    made = stack.create(emulator, stack.adapt(translated), _PARAMETERS)
    assert (made.status, made.complaints) == ("CREATE_COMPLETE", ())
    return made


def _new_key(made: Stack, owner: str) -> str:
    command = [sys.executable, "-m", "stepherd.cli", "keys", "create", "--owner", owner, "--json"]
    secret = made.outputs["ApiKeysSecretId"]
    shown = run([*command, "--secret", secret], Path.cwd(), made.emulator.environment)
    key: str = json.loads(shown)["key"]
    return key


def _runs(answer: tuple[int, Any]) -> dict[str, str]:
    status, body = answer
    assert status == 200, body
    return {run["run_id"]: run["status"] for run in body["executions"]}


def _routes_of(run_id: str) -> list[tuple[str, str]]:
    """Its owner's GET and redrive are not asked for: the emulator's histories have no previousEventId."""
    run = f"/executions/{run_id}"
    return [("GET", run), ("GET", f"{run}/logs"), ("POST", f"{run}/stop"), ("POST", f"{run}/redrive")]


def _keys(s3: Any, bucket: str) -> set[str]:
    return {item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())}


def _status(s3: Any, bucket: str) -> dict[str, Any]:
    if "inbox/job/status.json" not in _keys(s3, bucket):
        return {}
    status: dict[str, Any] = json.loads(
        s3.get_object(Bucket=bucket, Key="inbox/job/status.json")["Body"].read()
    )
    return status
