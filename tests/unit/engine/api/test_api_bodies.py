"""Any body of any operation of the engine's API is answered as AWS would, never by a fault of the engine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.engine_bench import ROLE, Bench, machine_of
from tests.odd_json import ODD, REMOVED, places, real_machines, replaced

from stepherd.engine.api.endpoint import endpoint_application
from stepherd.engine.api.members import MEMBERS

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:M"
ENDED = "arn:aws:states:us-east-1:000000000000:execution:M:ended"
FAIL = {"F": {"Type": "Fail"}}
NAMES = sorted({name for members in MEMBERS.values() for name in members})
GOOD: dict[str, Any] = {
    "stateMachineArn": MACHINE,
    "executionArn": ENDED,
    "resourceArn": MACHINE,
    "name": "M",
    "definition": json.dumps(machine_of(FAIL)),
    "roleArn": ROLE,
    "tags": [{"key": "a", "value": "b"}],
    "tagKeys": ["a"],
    "taskToken": "A" * 40,
    "output": "{}",
    "input": "{}",
    "loggingConfiguration": {"level": "OFF", "includeExecutionData": False, "destinations": []},
    "tracingConfiguration": {"enabled": False},
    "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
}
"""A value that fits each member that needs one: what is odd about another is seen then."""
VALUES = st.one_of(
    st.sampled_from(
        [
            "NaN",
            "Infinity",
            "-Infinity",
            "1e400",
            "1" * 5000,
            '"\\ud800"',
            "[]",
            "{}",
            "[[1]]",
            "true",
            "null",
        ]
    ),
    st.sampled_from([json.dumps(text) for text in (MACHINE, ENDED, "{}", "FAILED", "x", "", *ODD)]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.text(max_size=8).map(json.dumps),
)


class Caller:
    """Calls the endpoint of one engine, in its event loop, from another thread."""

    def __init__(self, application: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._application = application
        self._loop = loop

    def post(self, operation: str, body: bytes) -> int:
        return asyncio.run_coroutine_threadsafe(self._post(operation, body), self._loop).result(60)

    async def _post(self, operation: str, body: bytes) -> int:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        target = f"AWSStepFunctions.{operation}".encode()
        headers = [(b"host", b"127.0.0.1"), (b"x-amz-target", target)]
        scope = {"type": "http", "method": "POST", "path": "/key", "headers": headers}
        await self._application(scope, receive, send)
        status = int(sent[0]["status"])
        if status != 200:
            assert json.loads(sent[1]["body"])["message"]
        return status


def _on_an_engine(home: Path, check: Any) -> None:
    async def run() -> None:
        faults: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        async with Bench(home, {}, automatic=True) as bench:
            bench.call("CreateStateMachine", name="M", definition=json.dumps(machine_of(FAIL)), roleArn=ROLE)
            bench.call("StartExecution", stateMachineArn=MACHINE, name="ended")
            application = endpoint_application(bench.api, "key")
            await asyncio.to_thread(check, Caller(application, asyncio.get_running_loop()))
            assert not bench.engine.failure
        assert faults == []

    asyncio.run(run())


def test_any_body_is_answered_with_success_or_the_callers_mistake(tmp_path: Path) -> None:
    def all_of(caller: Caller) -> None:
        @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
        @given(
            st.sampled_from(sorted(MEMBERS)),
            st.booleans(),
            st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
        )
        @example("ValidateStateMachineDefinition", False, {"definition": '"{}"', "maxResults": '"x"'})
        @example("RedriveExecution", True, {"clientToken": "[]"})
        @example("ListExecutions", True, {"statusFilter": "{}"})
        @example("UpdateStateMachine", True, {"roleArn": '"\\ud800"'})
        @example("UpdateStateMachine", True, {"definition": "5"})
        @example("CreateStateMachine", True, {"loggingConfiguration": '{"level": {}}'})
        def check(operation: str, good: bool, odd: dict[str, str]) -> None:
            fits = {name: json.dumps(GOOD[name]) for name in MEMBERS[operation] if name in GOOD}
            members = {**(fits if good else {}), **odd}
            body = "{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + "}"
            assert caller.post(operation, body.encode()) in {200, 400}

        check()

    _on_an_engine(tmp_path, all_of)


def test_each_member_takes_every_odd_value_or_refuses_it(tmp_path: Path) -> None:
    def all_of(caller: Caller) -> None:
        for operation, members in MEMBERS.items():
            fits = {name: GOOD[name] for name in members if name in GOOD}
            for name in members:
                for at in places(fits.get(name)):
                    for odd in ODD:
                        body = {**fits, name: replaced(fits.get(name), at, odd)}
                        assert caller.post(operation, json.dumps(body).encode()) in {200, 400}, (
                            operation,
                            body,
                        )

    _on_an_engine(tmp_path, all_of)


OWN: dict[str, dict[str, Any]] = {
    "StepherdListEnded": {"stateMachineArn": MACHINE, "keepNewest": 1, "before": 5, "stoppedBefore": 1.5},
    "StepherdPlanRemoval": {"executionArns": [ENDED]},
    "StepherdRemoveExecutions": {"executionArns": ["arn:x"]},
    "StepherdCleanUp": {},
    "StepherdAwaitChange": {"changes": 0, "seconds": 0, "after": {ENDED: 1}},
}
"""The operations that AWS does not have, with members that fit."""


def test_the_engines_own_operations_take_every_odd_value_or_refuse_it(tmp_path: Path) -> None:
    def all_of(caller: Caller) -> None:
        for operation, fits in OWN.items():
            assert caller.post(operation, json.dumps(fits).encode()) == 200
            for at in [*places(fits)][1:]:
                for odd in ODD:
                    body = replaced(fits, at, 0.01 if at == ("seconds",) and odd == 1e300 else odd)
                    assert caller.post(operation, json.dumps(body).encode()) in {200, 400}, (operation, body)

    _on_an_engine(tmp_path, all_of)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"\xef\xbb\xbf{}"]
)
def test_a_body_that_is_no_request_is_the_callers_mistake(tmp_path: Path, body: bytes) -> None:
    def all_of(caller: Caller) -> None:
        for operation in MEMBERS:
            assert caller.post(operation, body) in {200, 400}

    _on_an_engine(tmp_path, all_of)


DEFINED = sorted(real_machines().items())


def _defined(caller: Caller, operation: str, definition: Any) -> None:
    text = json.dumps(definition)
    body = {"definition": text, "name": "m", "roleArn": ROLE, "stateMachineArn": MACHINE}
    known = {name: body[name] for name in body if name in MEMBERS[operation]}
    assert caller.post(operation, json.dumps(known).encode()) in {200, 400}


def test_a_mutated_definition_is_accepted_or_the_callers_mistake(tmp_path: Path) -> None:
    def all_of(caller: Caller) -> None:
        @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
        @given(
            st.sampled_from(["CreateStateMachine", "UpdateStateMachine", "ValidateStateMachineDefinition"]),
            st.data(),
        )
        def check(operation: str, data: st.DataObject) -> None:
            definition = data.draw(st.sampled_from(DEFINED))[1]
            for _ in range(data.draw(st.integers(1, 2))):
                at = data.draw(st.sampled_from(list(places(definition))))
                definition = replaced(definition, at, data.draw(st.sampled_from([*ODD, REMOVED])))
            _defined(caller, operation, definition)

        check()

    _on_an_engine(tmp_path, all_of)
