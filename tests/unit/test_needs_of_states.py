"""The needs of each state of the machines, by its arguments, against the grants of their roles: both ways."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from tests.aws_grants import ROOT, Need, Stack
from tests.aws_states import needs_of_machine, tasks_of

from stepherd.services.template_text import read_template

MACHINE = "AWS::Serverless::StateMachine"
TEMPLATE = (ROOT / "template.yaml").read_text()
PIPELINE = (ROOT / "statemachines" / "pipeline.asl.json").read_text()


@cache
def stack(text: str = TEMPLATE) -> Stack:
    return Stack(read_template(text, "template.yaml"), {}, {"Bucket": "bucket"})


def machines(of: Stack) -> list[str]:
    return [name for name, each in of.resources.items() if each["Type"] == MACHINE]


def lacking(of: Stack, needs: list[tuple[str, Need]]) -> set[str]:
    """The needs that a role is not granted."""
    return {f"{role}: {need.action} {need.resource}" for role, need in needs if not of.allows(role, need)}


def test_every_machine_of_the_template_is_walked() -> None:
    assert {stack().resources[name]["Properties"]["DefinitionUri"] for name in machines(stack())} == {
        f"statemachines/{path.name}" for path in (ROOT / "statemachines").glob("*.asl.json")
    }


@pytest.mark.parametrize("machine", machines(stack()))
def test_a_state_machine_s_role_has_what_the_arguments_of_its_states_need_and_no_more(machine: str) -> None:
    needs = needs_of_machine(stack(), machine)
    assert lacking(stack(), needs) == set()
    role = stack().resources[machine]["Properties"]["Role"]["Fn::GetAtt"][0]
    own = [need for who, need in needs if who == role]
    assert [str(grant) for grant in stack().grants(role) if not any(map(grant.allows, own))] == []


def with_argument(name: str, value: Any) -> str:
    """The pipeline, with an argument more in the state RunAgent."""
    definition = json.loads(PIPELINE)
    definition["States"]["RunAgent"]["Arguments"][name] = value
    return json.dumps(definition)


@pytest.mark.parametrize(
    ("name", "value", "lacks"),
    [
        ("EnableExecuteCommand", True, "AgentTaskRole: ssmmessages:OpenDataChannel *"),
        (
            "Overrides",
            {"TaskRoleArn": "arn:aws:iam::123456789012:role/other"},
            "PipelineRole: iam:PassRole arn:aws:iam::123456789012:role/other",
        ),
    ],
)
def test_an_argument_more_that_needs_something_is_noticed(name: str, value: Any, lacks: str) -> None:
    needs = needs_of_machine(stack(), "PipelineStateMachine", with_argument(name, value))
    assert lacks in lacking(stack(), needs)


def test_tags_need_their_right_whether_they_are_propagated_or_given() -> None:
    poorer = stack(TEMPLATE.replace("Action: ecs:TagResource", "Action: ecs:UntagResource"))
    assert any("ecs:TagResource" in each for each in lacking(
        poorer, needs_of_machine(poorer, "PipelineStateMachine", with_argument("Tags", []))
    ))  # fmt: skip
    assert any("ecs:TagResource" in each for each in lacking(
        poorer, needs_of_machine(poorer, "PipelineStateMachine")
    ))  # fmt: skip


def test_a_secret_of_a_container_is_the_execution_role_s_to_read() -> None:
    secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s-AbCdEf"
    given = TEMPLATE.replace(
        "          Command: [python, -m, stepherd.steps, agent]\n",
        "          Command: [python, -m, stepherd.steps, agent]\n"
        f"          Secrets: [{{ Name: KEY, ValueFrom: {secret} }}]\n",
    )
    assert given != TEMPLATE
    of = stack(given)
    assert lacking(of, needs_of_machine(of, "PipelineStateMachine")) == {
        f"TaskExecutionRole: secretsmanager:GetSecretValue {secret}"
    }


@pytest.mark.parametrize("name", ["VolumeConfigurations", "Colour"])
def test_an_argument_that_nobody_has_written_down_is_an_error(name: str) -> None:
    with pytest.raises(AssertionError, match=f"what the argument {name} of ecs:runTask.sync needs is not"):
        needs_of_machine(stack(), "PipelineStateMachine", with_argument(name, []))


def test_an_integration_that_nobody_has_written_down_is_an_error() -> None:
    text = PIPELINE.replace("arn:aws:states:::lambda:invoke", "arn:aws:states:::sqs:sendMessage")
    with pytest.raises(AssertionError, match="what sqs:sendMessage needs is not written down"):
        [list(task.needs()) for task in tasks_of(stack(), "PipelineStateMachine", text)]
