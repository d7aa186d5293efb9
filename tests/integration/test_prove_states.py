"""examples/prove_states.py, against TestState as the engine's interpreter makes it: one state at a time."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from tests.aws_grants import ROOT
from tests.engine_bench import Scripted, fails, play
from tests.unit.definition_rules import reached_states, states


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prove_states", ROOT / "examples" / "prove_states.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["prove_states"] = module  # Its dataclass looks itself up.
    spec.loader.exec_module(module)
    return module


prover = _loaded()
CASES = [case for path in sorted((ROOT / "statemachines").glob("*.asl.json")) for case in prover.cases(path)]


_FIRST = "Assigned"


class OneState:
    """Step Functions' TestState, as far as the script uses it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def test_state(self, **given: Any) -> dict[str, Any]:
        """Runs the state behind one that assigns the variables; what comes after it ends at once."""
        scope, name = json.loads(given["definition"]), given["stateName"]
        state, mock = dict(scope["States"][name]), given.get("mock", {})
        fake = Scripted({"Tasks": []}, waits=[_mocked(mock)])
        direct = Scripted(_mocked(mock))
        if state.get("Resource", "").endswith(".waitForTaskToken"):
            # With a mock no one waits for the token.
            state |= {"Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "F"}}
            del state["HeartbeatSeconds"]
        if "Branches" in state:
            state["Branches"] = [_branch(mock)]
        machine: dict[str, Any] = {
            other: {"Type": "Pass", "End": True} for other in scope["States"] if other != name
        }
        machine = {
            _FIRST: {
                "Type": "Pass",
                "Assign": json.loads(given["variables"]),
                "Output": json.loads(given["input"]),
                "Next": name,
            },
            name: state,
            **machine,
        }
        reached = reached_states({"States": machine}, [_FIRST], after_redrive=True)
        machine = {each: machine[each] for each in machine if each in reached}
        services = {"lambda": direct, "ecs": fake, "states": fake, "sns": fake}
        text = json.dumps(json.loads(given["context"])["Execution"]["Input"])
        done = play(self.home, machine, text, integrations=services, StartAt=_FIRST)
        entered = [
            e["stateEnteredEventDetails"]["name"] for e in done.events if "stateEnteredEventDetails" in e
        ]
        after = [each for each in entered if each in scope["States"]][1:]
        tries = max(len(fake.calls), len(direct.calls))
        if tries > 1:
            return {"status": "RETRIABLE"}
        caught = "errorOutput" in mock
        if done.status == "FAILED":
            return {"status": "FAILED", "error": done.description.get("error")}
        said = {"status": "CAUGHT_ERROR" if caught else "SUCCEEDED"}
        return {**said, **({"nextState": after[0]} if after else {})}


def _mocked(mock: Mapping[str, Any]) -> Any:
    if "errorOutput" in mock:
        return fails(mock["errorOutput"]["error"], mock["errorOutput"]["cause"])
    return json.loads(mock.get("result", "null"))


def _branch(mock: Mapping[str, Any]) -> dict[str, Any]:
    error = mock.get("errorOutput")
    only = (
        {"Type": "Fail", "Error": error["error"], "Cause": error["cause"]}
        if error
        else {"Type": "Pass", "End": True}
    )
    return {"StartAt": "Only", "States": {"Only": only}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_state_goes_the_way_that_the_script_expects(case: Any, tmp_path: Path) -> None:
    assert prover.prove(OneState(tmp_path), case) == ""


def test_every_state_of_every_machine_has_its_cases() -> None:
    machines = [json.loads(path.read_text()) for path in (ROOT / "statemachines").glob("*.asl.json")]
    assert {case.state for case in CASES} == {name for machine in machines for name, _ in states(machine)}
    assert len(CASES) > 80


def test_what_is_sent_is_what_the_operation_takes() -> None:
    client = boto3.client(
        "stepfunctions", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    wanted = dict.fromkeys(
        ("definition", "stateName", "input", "variables", "context", "inspectionLevel"), ANY
    )
    with Stubber(client) as stub:
        for case in CASES:
            mocked = {"mock": ANY} if case.mock else {}
            said = {"status": case.status, **({"nextState": case.next} if case.next else {})}
            stub.add_response("test_state", said, {**wanted, **mocked})
            assert prover.prove(client, case) == ""
            assert len(case.request()["definition"]) < 1_048_576


def test_another_way_is_said_in_words() -> None:
    class Wrong:
        def test_state(self, **_: Any) -> dict[str, str]:
            return {"status": "FAILED", "error": "States.Runtime", "cause": "undefined"}

    said = prover.prove(Wrong(), CASES[0])
    assert said.startswith("FAILED to None, not SUCCEEDED")
    assert "States.Runtime undefined" in said
