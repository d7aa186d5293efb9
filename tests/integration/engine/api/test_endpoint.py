"""The endpoint as boto3, the AWS CLI and strangers see it (facts/histories.md 6)."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import SQS_TOKEN, machine_of, task
from tests.integration.engine.conftest import Site

from stepherd.engine.journal.lock import HomeLock, find_engine

ROLE = "arn:aws:iam::000000000000:role/R"
QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/jobs"
ASK = {
    **task(SQS_TOKEN, TimeoutSeconds=600),
    "Arguments": {"QueueUrl": QUEUE, "MessageBody": "{% $states.context.Task.Token %}"},
}


def _events(client: Any, arn: str, **more: Any) -> list[dict[str, Any]]:
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, **more)
    return [event for page in pages for event in page["events"]]


def _token(client: Any, arn: str) -> str:
    while True:
        events = _events(client, arn)
        if any(event["type"] == "TaskSubmitted" for event in events):
            scheduled = next(event for event in events if event["type"] == "TaskScheduled")
            return str(json.loads(scheduled["taskScheduledEventDetails"]["parameters"])["MessageBody"])


def test_boto3_creates_starts_describes_pages_answers_stops_and_redrives(site: Site) -> None:
    client = site.client()
    created = client.create_state_machine(
        name="boto", definition=json.dumps(machine_of({"Ask": ASK})), roleArn=ROLE
    )
    arn = client.start_execution(stateMachineArn=created["stateMachineArn"], name="one", input='{"a": 1}')[
        "executionArn"
    ]
    token = _token(client, arn)
    assert client.send_task_heartbeat(taskToken=token)["ResponseMetadata"]["HTTPStatusCode"] == 200
    client.send_task_failure(taskToken=token, error="E", cause="c")
    site.finish(arn)

    described = client.describe_execution(executionArn=arn)
    assert (described["status"], described["error"], described["redriveStatus"]) == (
        "FAILED",
        "E",
        "REDRIVABLE",
    )
    assert described["stopDate"] >= described["startDate"]
    pages = list(
        client.get_paginator("get_execution_history").paginate(
            executionArn=arn, PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["events"]) for page in pages] == [2, 2, 2, 1]
    assert [e["id"] for e in _events(client, arn, reverseOrder=True)] == list(range(7, 0, -1))

    client.redrive_execution(executionArn=arn)
    again = _redriven_token(client, arn)
    assert again != token
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_success(taskToken=token, output="1")
    client.send_task_success(taskToken=again, output='{"b":2}')
    assert site.finish(arn).output == {"b": 2}

    two = client.start_execution(stateMachineArn=created["stateMachineArn"], name="two")["executionArn"]
    client.stop_execution(executionArn=two, error="Enough")
    assert site.finish(two).status == "ABORTED"
    names = [
        e["name"] for e in client.list_executions(stateMachineArn=created["stateMachineArn"])["executions"]
    ]
    assert names == ["two", "one"]


def _redriven_token(client: Any, arn: str) -> str:
    while True:
        events = [e for e in _events(client, arn) if e["type"] in ("TaskScheduled", "TaskSubmitted")]
        if len(events) == 4:
            return str(json.loads(events[2]["taskScheduledEventDetails"]["parameters"])["MessageBody"])


def test_boto3_sees_awss_exceptions(site: Site) -> None:
    client = site.client()

    with pytest.raises(client.exceptions.ExecutionDoesNotExist):
        client.describe_execution(executionArn="arn:aws:states:us-east-1:000000000000:execution:M:nope")
    with pytest.raises(client.exceptions.InvalidDefinition) as caught:
        client.create_state_machine(name="bad", definition="{}", roleArn=ROLE)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert client.validate_state_machine_definition(definition="{}")["result"] == "FAIL"


def test_the_aws_cli_starts_describes_pages_stops_and_redrives(site: Site, tmp_path: Path) -> None:
    program = shutil.which("aws")
    if program is None:
        assert os.environ.get("STEPHERD_REQUIRE_ALL") != "1", "the AWS CLI must be there in this run"
        pytest.skip("no AWS CLI on PATH")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": site.local.access_key,
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": site.local.endpoint,
    }

    def aws(*words: str) -> Any:
        command = [program, "stepfunctions", *words, "--output", "json"]
        text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        return json.loads(text) if text.strip() else None

    definition = json.dumps(machine_of({"F": {"Type": "Wait", "Seconds": 600}}))
    site.client().create_state_machine(name="cli", definition=definition, roleArn=ROLE)
    machine = "arn:aws:states:us-east-1:000000000000:stateMachine:cli"
    arn = aws("start-execution", "--state-machine-arn", machine, "--name", "c")["executionArn"]
    assert aws("describe-execution", "--execution-arn", arn)["status"] == "RUNNING"
    aws("stop-execution", "--execution-arn", arn, "--error", "E")
    site.finish(arn)
    history = aws("get-execution-history", "--execution-arn", arn, "--page-size", "1")["events"]
    assert [event["type"] for event in history] == [
        "ExecutionStarted",
        "WaitStateEntered",
        "ExecutionAborted",
    ]
    assert aws("redrive-execution", "--execution-arn", arn)["redriveDate"]
    aws("stop-execution", "--execution-arn", arn)
    site.finish(arn)


# -- strangers ---------------------------------------------------------------------------------------


def _post(site: Site, path: str = "/", body: bytes = b"{}", **headers: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(site.local.endpoint.removeprefix("http://"), timeout=10)
    target = {
        "X-Amz-Target": "AWSStepFunctions.ListStateMachines",
        "Content-Type": "application/x-amz-json-1.0",
    }
    connection.request("POST", path, body, {**target, **{k.replace("_", "-"): v for k, v in headers.items()}})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if content.startswith(b"{") else {}


def _signed(key: str) -> str:
    scope = f"{key}/20260101/us-east-1/states/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"


def test_the_key_opens_by_path_and_by_signature(site: Site) -> None:
    key = site.local.access_key

    assert _post(site, f"/{key}/")[0] == 200
    assert _post(site, Authorization=_signed(key))[0] == 200


@pytest.mark.parametrize(
    "make",
    [
        lambda k: "",
        lambda k: "wrong",
        lambda k: k[:-1],
        lambda k: k + "x",
        lambda k: k.swapcase(),
        lambda k: "x" * 10_000,
    ],
)
def test_no_key_or_a_wrong_one_is_refused(site: Site, make: Any) -> None:
    wrong = make(site.local.access_key)

    status, answer = _post(site, Authorization=_signed(wrong))
    assert status == 403
    assert answer["__type"].endswith("#AccessDeniedException")
    assert _post(site, f"/{wrong}/")[0] in (403, 404)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "169.254.169.254"]
)
def test_a_foreign_host_is_refused_even_with_the_key(site: Site, host: str) -> None:
    assert _post(site, Host=host, Authorization=_signed(site.local.access_key))[0] in (400, 403)


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"[]", 400), (b"{", 400), (b"[" * 100_000, 400), (b"\xff", 400), (b" " * 4_200_000, 413)],
)
def test_bodies_that_are_no_request_are_refused(site: Site, body: bytes, code: int) -> None:
    assert _post(site, f"/{site.local.access_key}/", body)[0] == code


def test_unknown_targets_and_methods_are_refused(site: Site) -> None:
    key = site.local.access_key
    status, answer = _post(site, f"/{key}/", X_Amz_Target="AWSStepFunctions.CreateActivity")
    assert (status, answer["__type"].split("#")[1]) == (400, "UnknownOperationException")
    assert _post(site, f"/{key}/", X_Amz_Target="DynamoDB.ListTables")[0] == 400
    connection = http.client.HTTPConnection(site.local.endpoint.removeprefix("http://"))
    connection.request("GET", f"/{key}/")
    assert connection.getresponse().status == 405
    connection.close()


def test_no_answer_waits_for_an_acknowledgement(site: Site) -> None:
    """Nagle's algorithm would hold the second part of each answer back, for 40 ms."""
    connection = http.client.HTTPConnection(site.local.endpoint.removeprefix("http://"))
    connection.request("POST", f"/{site.local.access_key}/", b"{}")
    connection.getresponse().read()
    server = site.local._server._server
    assert server is not None

    def delays() -> list[bool]:
        sockets = [each.transport.get_extra_info("socket") for each in server.server_state.connections]  # type: ignore[union-attr]
        return [not each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in sockets]

    delayed = site.do(delays)
    connection.close()
    assert delayed
    assert not any(delayed)


def test_the_home_tells_its_owner_alone_where_the_engine_listens(site: Site) -> None:
    address = find_engine(site.home)

    assert address is not None
    assert (address.endpoint, address.access_key, address.pid) == (
        site.local.endpoint,
        site.local.access_key,
        os.getpid(),
    )
    assert stat.S_IMODE((site.home / "engine.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((site.home / "journal.sqlite3").stat().st_mode) == 0o600
    assert stat.S_IMODE(site.home.stat().st_mode) == 0o700
    assert site.local.endpoint.startswith("http://127.0.0.1:")


def test_a_second_engine_cannot_have_the_home(site: Site) -> None:
    assert HomeLock(site.home).acquire() is False


def test_a_home_without_an_engine_has_none_to_find(tmp_path: Path) -> None:
    assert find_engine(tmp_path) is None
    lock = HomeLock(tmp_path)
    assert lock.acquire()
    assert find_engine(tmp_path) is None, "it does not listen yet"
    lock.release()
    assert lock.acquire()
    lock.release()
