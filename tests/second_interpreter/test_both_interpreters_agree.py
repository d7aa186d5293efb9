"""All machines on a second interpreter, LocalStack's: the same runs enter the same states and end alike.

That is not in CI: see README.md. STEPHERD_LOCALSTACK_PYTHON names a Python that has it. That the cases are
what the machines take today is tried on the engine, always.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.aws_grants import ROOT, Stack
from tests.engine_bench import Bench, Scripted, fails
from tests.second_interpreter.cases import _KEEP, _LOGIN, _RUN, CASES, MACHINES, RunCase

from stepherd.engine.integrations.contract import TaskCall
from stepherd.services.template_text import read_template

PYTHON = os.environ.get("STEPHERD_LOCALSTACK_PYTHON", "")
PLACE = "arn:aws:states:us-east-1:000000000000"
_SECONDS_TO_START = 120

pytestmark = pytest.mark.timeout(300)


def _definition(machine: str) -> str:
    stack = Stack(
        read_template((ROOT / "template.yaml").read_text(), "template.yaml"), {}, {"Bucket": "bucket"}
    )
    properties = stack.resources[MACHINES[machine]]["Properties"]
    text = (ROOT / properties["DefinitionUri"]).read_text()
    for name, value in stack.value(properties["DefinitionSubstitutions"]).items():
        text = text.replace(f"${{{name}}}", value)
    # No one waits for a holder or a token here.
    return re.sub(r'"Seconds": "[^"]*"', '"Seconds": 1', text)


@pytest.fixture(scope="module")
def localstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("localstack")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mocks = folder / "mocks.json"
    mocks.write_text(json.dumps(_mocks()))
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "SERVICES": "stepfunctions", "DISABLE_EVENTS": "1",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}", "SKIP_SSL_CERT_DOWNLOAD": "1", "SFN_MOCK_CONFIG": str(mocks),
    }  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [PYTHON, str(Path(__file__).with_name("serve.py"))],
            cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _SECONDS_TO_START
        while not _answers(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        client = boto3.client(
            "stepfunctions", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="000000000000", aws_secret_access_key="x",
        )  # fmt: skip
        for machine in MACHINES:
            client.create_state_machine(
                name=machine, definition=_definition(machine), roleArn="arn:aws:iam::000000000000:role/r"
            )
        yield client
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _mocks() -> dict[str, Any]:
    machines: dict[str, Any] = {machine: {"TestCases": {}} for machine in MACHINES}
    responses: dict[str, Any] = {}
    for case in CASES:
        machines[case.machine]["TestCases"][case.name] = case.mocks()
        responses |= case.responses()
    return {"StateMachines": machines, "MockedResponses": responses}


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_localstack/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _there(client: Any, case: RunCase) -> tuple[str, Counter[str]]:
    """How a case ends on LocalStack, and which states it enters how often; branches have no order."""
    arn = client.start_execution(
        stateMachineArn=f"{PLACE}:stateMachine:{case.machine}#{case.name}",
        name=case.name,
        input=json.dumps(case.input),
    )["executionArn"]
    deadline = time.monotonic() + 60
    while (found := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    events = client.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    return found["status"], _entered(events)


def _entered(events: list[dict[str, Any]]) -> Counter[str]:
    return Counter(e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e)


async def _here(case: RunCase, home: Path) -> tuple[str, Counter[str]]:
    """The same on the embedded engine."""
    tries: Counter[str] = Counter()

    def answer(call: TaskCall) -> Any:
        answers = case.answers[call.state]
        given = answers[min(tries[call.state], len(answers) - 1)]
        tries[call.state] += 1
        if "Throw" in given:
            return fails(given["Throw"]["Error"], given["Throw"]["Cause"])
        return given["Return"]

    at_once, later = Scripted(answer), Scripted({"Tasks": []}, waits=[answer])
    definition = json.loads(_definition(case.machine))
    for state in definition["States"].values():
        if str(state.get("Resource", "")).endswith(".waitForTaskToken"):
            # Its answer comes by the token there; here as of a function.
            state |= {"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "F"}}
            del state["HeartbeatSeconds"]
    services = {"lambda": at_once, "ecs": later, "states": later}
    async with Bench(home, services) as bench:
        bench.engine.put_machine(case.machine, json.dumps(definition), "arn:aws:iam::000000000000:role/r")
        started = bench.call(
            "StartExecution", stateMachineArn=bench.engine.machine_arn(case.machine),
            input=json.dumps(case.input), name=case.name,
        )  # fmt: skip
        done = await bench.finish(str(started["executionArn"]))
    return done.status, _entered(done.events)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.machine}-{case.name}")
def test_a_case_ends_on_the_engine_as_it_is_meant_to(case: RunCase, tmp_path: Path) -> None:
    status, entered = asyncio.run(_here(case, tmp_path))
    assert status == case.status
    # AND by what it is about: each state that it has an answer of its own for was reached
    usual = {"pipeline": _RUN, "login": _LOGIN, "keep": _KEEP}[case.machine]
    assert [
        name for name, given in case.answers.items() if given != usual.get(name) and not entered[name]
    ] == []


@pytest.mark.skipif(
    not PYTHON, reason="STEPHERD_LOCALSTACK_PYTHON is not set: tests/second_interpreter/README.md"
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.machine}-{case.name}")
def test_a_run_enters_the_same_states_and_ends_alike(case: RunCase, localstack: Any, tmp_path: Path) -> None:
    there, here = _there(localstack, case), asyncio.run(_here(case, tmp_path))
    assert there == here
    assert there[0] == case.status
