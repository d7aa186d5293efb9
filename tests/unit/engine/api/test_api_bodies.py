"""Any body of any operation of the engine's API is answered as AWS would, never by a fault of the engine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.engine_bench import ROLE, Bench, machine_of

from stepherd.engine.api.endpoint import endpoint_application

MEMBERS = (
    *("name", "definition", "roleArn", "stateMachineArn", "executionArn", "input", "maxResults", "nextToken"),
    *("statusFilter", "clientToken", "traceHeader", "error", "cause", "taskToken", "output", "reverseOrder"),
    *("includedData", "includeExecutionData", "loggingConfiguration", "type", "redriveFilter"),
)
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:M"
ENDED = "arn:aws:states:us-east-1:000000000000:execution:M:ended"
FAIL = {"F": {"Type": "Fail"}}
GOOD = {
    name: json.dumps(value)
    for name, value in {
        "stateMachineArn": MACHINE,
        "executionArn": ENDED,
        "name": "M",
        "definition": json.dumps(machine_of(FAIL)),
        "roleArn": ROLE,
    }.items()
}
"""Members that fit: a call of these alone is refused for nothing that one of the others hides."""
VALUES = st.one_of(
    st.sampled_from(
        ["NaN", "Infinity", "-Infinity", "1e400", "1" * 5000, '"\\ud800"', "[]", "{}", "[[1]]", "true"]
    ),
    st.sampled_from([json.dumps(text) for text in (MACHINE, ENDED, "{}", "FAILED", "x", "")]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.text(max_size=8).map(json.dumps),
)


async def _post(application: Any, operation: str, body: bytes) -> int:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"x-amz-target", f"AWSStepFunctions.{operation}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/key", "headers": headers}
    await application(scope, receive, send)
    return int(sent[0]["status"])


def test_any_body_is_answered_with_success_or_the_callers_mistake(tmp_path: Path) -> None:
    async def run() -> None:
        async with Bench(tmp_path, {}, automatic=True) as bench:
            bench.call("CreateStateMachine", name="M", definition=json.dumps(machine_of(FAIL)), roleArn=ROLE)
            bench.call("StartExecution", stateMachineArn=MACHINE, name="ended")
            application = endpoint_application(bench.api, "key")
            operations = sorted(bench.api.operations)
            loop = asyncio.get_running_loop()
            await asyncio.to_thread(_check, application, operations, loop)
            assert not bench.engine.failure

    asyncio.run(run())


def _check(application: Any, operations: list[str], loop: asyncio.AbstractEventLoop) -> None:
    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
    @given(
        st.sampled_from(operations),
        st.builds(
            lambda good, odd: {**good, **odd},
            st.sampled_from([{}, GOOD]),
            st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=5),
        ),
    )
    @example("ValidateStateMachineDefinition", {"definition": '"{}"', "maxResults": '"x"'})
    @example("RedriveExecution", {"executionArn": json.dumps(ENDED), "clientToken": "[]"})
    @example("ListExecutions", {"stateMachineArn": json.dumps(MACHINE), "statusFilter": "{}"})
    @example("UpdateStateMachine", {**GOOD, "roleArn": '"\\ud800"'})
    @example("UpdateStateMachine", {**GOOD, "definition": "5"})
    def check(operation: str, members: dict[str, str]) -> None:
        body = "{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + "}"
        answer = asyncio.run_coroutine_threadsafe(_post(application, operation, body.encode()), loop)
        assert answer.result(60) in {200, 400}

    check()
