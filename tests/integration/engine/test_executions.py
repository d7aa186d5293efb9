"""Functions' questions about executions, answered by the engine: starts, nested ones, redrives and stops."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from tests.engine_bench import machine_of
from tests.integration.engine.conftest import Site

from stepherd.services.step_functions.aws import aws_call
from stepherd.services.step_functions.endpoint import endpoint_call
from stepherd.services.step_functions.executions import Executions

ROLE = "arn:aws:iam::000000000000:role/R"
PLACE = "arn:aws:states:us-east-1:000000000000"
NESTED = "arn:aws:states:::states:startExecution.sync:2"


@pytest.fixture(params=["boto3", "alone"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which client: boto3's as on AWS, or the one of a machine that has no boto3."""
    return str(request.param)


@pytest.fixture
def executions(site: Site, kind: str) -> Executions:
    url = f"{site.local.endpoint}/{site.local.access_key}/"
    return Executions(aws_call(site.client()) if kind == "boto3" else endpoint_call(url))


def _put(site: Site, name: str, states: dict[str, Any]) -> str:
    definition = json.dumps(machine_of(states))
    arn: str = site.client().create_state_machine(name=name, definition=definition, roleArn=ROLE)[
        "stateMachineArn"
    ]
    return arn


def test_a_name_starts_one_execution(site: Site, kind: str, executions: Executions) -> None:
    machine = _put(site, f"quick-{kind}", {"P": {"Type": "Pass"}})
    assert executions.start(machine, "r", {"a": 1})
    site.finish(f"{PLACE}:execution:quick-{kind}:r")
    assert not executions.start(machine, "r", {"a": 1})
    assert not executions.start(machine, "r", {"a": 2})


def test_a_redriven_execution_says_when_and_its_logins_are_told_apart(
    site: Site, kind: str, executions: Executions
) -> None:
    login = _put(site, f"waits-{kind}", {"W": {"Type": "Wait", "Seconds": 600}})
    parent = _put(
        site,
        f"asks-{kind}",
        {
            "Ask": {
                "Type": "Task",
                "Resource": NESTED,
                "TimeoutSeconds": 500,
                "Arguments": {"StateMachineArn": login, "Input": {}},
            }
        },
    )
    executions.start(parent, "r", {})
    arn = f"{PLACE}:execution:asks-{kind}:r"
    first = _nested(executions, arn, 1)
    assert executions.find(arn).running
    assert executions.find(arn).redriven is None
    executions.stop(arn, "RunEnded", "why")
    executions.stop(arn, "RunEnded", "again")
    site.finish(arn)
    assert not executions.is_running(arn)
    site.client().redrive_execution(executionArn=arn)
    (new, begun), (old, before) = _nested(executions, arn, 2)
    redriven = executions.find(arn).redriven
    assert redriven is not None
    assert before < redriven <= begun
    assert [old] == [name for name, _ in first]
    executions.stop(new, "RunEnded", "why")
    executions.stop(arn, "RunEnded", "why")
    site.finish(arn)


def test_what_is_not_known_does_not_run_and_has_nothing_nested(executions: Executions) -> None:
    arn = f"{PLACE}:execution:asks:never"
    assert not executions.find(arn).running
    assert list(executions.nested(arn)) == []
    executions.stop(arn, "RunEnded", "why")


def _nested(executions: Executions, arn: str, count: int) -> list[Any]:
    end = time.monotonic() + 30
    while len(found := list(executions.nested(arn))) < count and time.monotonic() < end:
        time.sleep(0.02)  # until the engine has started it; its being there is what is awaited
    assert len(found) == count
    return found
