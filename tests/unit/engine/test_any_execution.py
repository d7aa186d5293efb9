"""Whatever definition is accepted, its executions have an end of their own, never a fault of the engine."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine_bench import ROLE, Bench, Scripted, branches, each, machine_of, play, task
from tests.odd_json import ODD, REMOVED, places, replaced

from stepherd.engine.asl.loading import problems_of

_N = {"N": {"Type": "Pass"}}
_RETRY = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
_CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "W", "Assign": {"b": 1}}]
OWN: dict[str, Any] = {
    "T": task(TimeoutSeconds=5, HeartbeatSeconds=3, Credentials={"RoleArn": "r"}, Output=1, Assign={"a": 1},
              Retry=_RETRY, Catch=_CATCH, Next="W"),
    "W": {"Type": "Wait", "Seconds": 1, "Next": "C"},
    "C": {"Type": "Choice", "Default": "P", "Choices": [{"Condition": "{% 1 = 1 %}", "Next": "P"}]},
    "P": branches(_N, {"O": {"Type": "Succeed"}}, Arguments={"a": 1}, Output="{% $states.input %}", Next="M"),
    "M": each({"I": {"Type": "Pass"}}, Items=[1], ItemSelector={"a": 1}, MaxConcurrency=1,
              ToleratedFailureCount=1, ToleratedFailurePercentage=1, Next="F"),
    "F": {"Type": "Fail", "Error": "e", "Cause": "c"},
}  # fmt: skip
WHOLE = machine_of(OWN)
PLACES = [at for at in places(WHOLE) if len(at) > 2]
INPUTS = ('{"a": [1, 2]}', "null", '"\\ud800"', "[]", "1e300", "0.1")


async def _run(definition: Any, text: str) -> None:
    faults: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    with tempfile.TemporaryDirectory() as home:
        async with Bench(Path(home), {"lambda": Scripted({"x": 1})}) as bench:
            made = bench.call("CreateStateMachine", name="m", definition=json.dumps(definition), roleArn=ROLE)
            started = bench.call("StartExecution", stateMachineArn=made["stateMachineArn"], input=text)
            done = await bench.finish(started["executionArn"])
            done.check_whole()
            assert "The engine failed" not in done.description.get("cause", "")
            assert bench.engine.failure is None
    assert faults == []


def _check(definition: Any, text: str) -> None:
    if not problems_of(json.dumps(definition)):
        asyncio.run(_run(definition, text))


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from([*ODD, REMOVED]), st.sampled_from(INPUTS))
def test_an_execution_of_a_mutated_machine_has_an_end_of_its_own(at: Any, new: Any, text: str) -> None:
    _check(replaced(WHOLE, at, new), text)


@pytest.mark.exhaustive
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("text", INPUTS)
def test_executions_of_all_mutations(text: str) -> None:
    for at in PLACES:
        for new in (*ODD, REMOVED):
            _check(replaced(WHOLE, at, new), text)


@pytest.mark.parametrize("state", [
    {"Type": "Fail", "Error": "\ud800", "Cause": "\udfff"},
    {"Type": "Fail", "Error": "{% '\ud800' %}", "Cause": "{% $states.input %}"},
    task(Arguments={"a": "\ud800"}, Assign={"v": "\ud800"}),
])  # fmt: skip
def test_half_of_a_surrogate_pair_is_an_outcome_like_any_other(tmp_path: Path, state: dict[str, Any]) -> None:
    done = play(tmp_path, {"S": state}, '"\\ud800"', integrations={"lambda": Scripted("\ud800")})

    assert done.status == ("FAILED" if state["Type"] == "Fail" else "SUCCEEDED")
    assert "The engine failed" not in done.description.get("cause", "")
