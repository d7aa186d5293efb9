"""Rights over logins by role, as template.yaml grants them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.aws_grants import listed, written_statements

from stepherd.services.template_text import read_template

ROOT = Path(__file__).parents[2]
_LISTS = "s3:ListBucket"
"""Without it, a login that is not there would look like one that is forbidden. It shows no contents."""


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    found: dict[str, Any] = read_template((ROOT / "template.yaml").read_text(), "template.yaml")["Resources"]
    return found


def _may(resources: dict[str, Any], name: str) -> set[tuple[str, str]]:
    """Pairs of an action and the resource it is allowed on, as text; managed policies of ours included."""
    properties = resources[name]["Properties"]
    text = json.dumps(properties.get("Policies", []))
    policies = [p for p in resources if p.endswith("Policy") and f'"{p}"' in text]
    nodes = [
        properties.get("Policies", []),
        *(resources[p]["Properties"]["PolicyDocument"] for p in policies),
    ]
    found = set()
    for statement in written_statements(nodes):
        for action in listed(statement["Action"]):
            for target in listed(statement["Resource"]):
                found.add((action, json.dumps(target)))
    return found


def _actions(resources: dict[str, Any], name: str) -> set[str]:
    return {action for action, _ in _may(resources, name)}


def test_only_complete_login_answers_and_only_the_login_machine(resources: dict[str, Any]) -> None:
    answering = {"states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"}
    for name, resource in resources.items():
        if resource["Type"] in ("AWS::Serverless::Function", "AWS::IAM::Role"):
            may = {(action, on) for action, on in _may(resources, name) if action in answering}
            assert bool(may) == (name == "CompleteLoginFunction"), name
            assert all(on.endswith('stateMachine:${AWS::StackName}-login"}') for _, on in may)


def test_only_the_login_machine_publishes(resources: dict[str, Any]) -> None:
    publishing = [
        name
        for name, resource in resources.items()
        if resource["Type"] in ("AWS::Serverless::Function", "AWS::IAM::Role")
        and "sns:Publish" in _actions(resources, name)
    ]
    assert publishing == ["LoginRole"]


def test_the_agent_reads_the_login_and_neither_leases_nor_attempts(resources: dict[str, Any]) -> None:
    login = {(a, on) for a, on in _may(resources, "AgentTaskRole") if "logins" in on or "Login" in on}
    assert {action for action, _ in login} == {"s3:GetObject", "s3:ListBucket"}
    assert all("logins/*/data.sqlite3" in on or "${Key}" in on for action, on in login if action != _LISTS)


def test_the_task_that_persists_writes_the_login_alone(resources: dict[str, Any]) -> None:
    login = {(a, on) for a, on in _may(resources, "GitTaskRole") if "logins" in on or "Login" in on}
    assert {action for action, _ in login} == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    assert all("logins/*/data.sqlite3" in on or "${Key}" in on for action, on in login if action != _LISTS)
    removing = {on for a, on in _may(resources, "GitTaskRole") if a == "s3:DeleteObject"}
    assert removing == {'{"Fn::Sub": "${Bucket.Arn}/runs/*/agent/database.sqlite3"}'}


def test_complete_login_reads_no_secret_and_starts_nothing(resources: dict[str, Any]) -> None:
    services = {action.partition(":")[0] for action in _actions(resources, "CompleteLoginFunction")}
    assert services == {"s3", "states"}
    assert "states:StartExecution" not in _actions(resources, "CompleteLoginFunction")


def test_notices_are_encrypted_where_they_wait(resources: dict[str, Any]) -> None:
    assert resources["LoginTopic"]["Properties"]["KmsMasterKeyId"]


def test_what_stepherd_keeps_from_agents_cannot_be_given_to_one_as_instructions(
    resources: dict[str, Any],
) -> None:
    """PrepareRun copies instructions into the run folder, which the agent reads: not a login, for one."""
    policies = resources["PrepareRunFunction"]["Properties"]["Policies"]
    [denial] = [statement for statement in written_statements(policies) if statement["Effect"] == "Deny"]
    assert denial["Action"] == "s3:GetObject"
    assert [place["Fn::Sub"].removeprefix("${Bucket.Arn}/") for place in denial["Resource"]] == [
        "logins/*", "owners/*", "idempotency/*", "inbox-state/*",
    ]  # fmt: skip
