"""The needs of each call of AWS in the code, by its parameters; and that some role is granted them."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
from tests.aws_grants import ROOT, Stack
from tests.aws_operations import NEEDS, CodeCall, _operations, actions_of, calls_in, calls_of, services_in

from stepherd.services.template_text import read_template

_ROOTS = ("src/stepherd", "functions", "container")
_DEPLOYING = ("src/stepherd/cloud/", "src/stepherd/cli/deploy/steps.py")
"""The modules of init and destroy, which have the rights of docs/deployer-policy.json."""
_OF_PEOPLE = ("src/stepherd/cli/", "src/stepherd/backends/", "src/stepherd/doctor/")
"""Those of other commands, with the rights that the table of docs/how-to-use-a-stack.md names."""


@cache
def calls() -> list[CodeCall]:
    return calls_in(*_ROOTS)


def test_the_walk_finds_the_calls_of_every_service() -> None:
    assert len(calls()) > 70
    assert {"cloudformation", "ecs", "s3", "sqs", "stepfunctions"} <= services_in(*_ROOTS)


def test_what_a_call_needs_is_written_down() -> None:
    for call in calls():
        actions_of(call)


def test_every_row_is_of_a_call_that_is_there() -> None:
    assert sorted(NEEDS) == sorted({call.operation for call in calls()})


def test_every_parameter_that_has_a_row_is_given_somewhere() -> None:
    given = {(call.operation, name) for call in calls() for name in call.parameters}
    rows = {(operation, name) for operation, row in NEEDS.items() for names in row for name in names.split()}
    assert sorted(rows - given) == []


@cache
def _deployer() -> set[str]:
    policy = json.loads((ROOT / "docs" / "deployer-policy.json").read_text())
    found = set()
    for statement in policy["Statement"]:
        actions = statement["Action"]
        found |= set(actions if isinstance(actions, list) else [actions])
    return found


@cache
def _granted() -> set[str]:
    template = (ROOT / "template.yaml").read_text()
    of = Stack(read_template(template, "template.yaml"), {}, {"Bucket": "bucket"})
    return {grant.action for role in of.roles() for grant in of.grants(role)}


@cache
def _of_people() -> set[str]:
    """By the table of the page: ``service:Action and Action``."""
    found, text = set(), (ROOT / "docs" / "how-to-use-a-stack.md").read_text()
    for service, actions in re.findall(r"\b([a-z0-9-]+):((?:[A-Z]\w+(?:,? and |, |/)?)+)", text):
        found |= {f"{service}:{action}" for action in re.findall(r"[A-Z]\w+", actions)}
    return found


def _allowed(call: CodeCall) -> set[str]:
    """To those who make the call."""
    if call.path.startswith(_DEPLOYING):
        return _deployer()
    if call.path.startswith(_OF_PEOPLE):
        return _of_people()
    if call.path.endswith("queues/sqs.py"):
        # A queue of one's own that one sends to is nothing of a stack's.
        return {"sqs:SendMessage", "sqs:ChangeMessageVisibility"} | _granted()
    return _granted() | _of_people()


def test_somebody_is_granted_what_a_call_needs() -> None:
    lacking = {f"{call.path}: {action}" for call in calls() for action in actions_of(call) - _allowed(call)}
    assert lacking == set()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("client.run_task(cluster='c')", "what run_task needs is not written down"),
        ("client.put_object(Bucket='b', Key='k', Tagging='a=b')", r"what \['Tagging'\] of put_object needs"),
        (
            "given = {'VersionId': '1'}\nclient.get_object(**given)",
            r"what \['VersionId'\] of get_object needs",
        ),
        ("client.get_paginator('list_clusters').paginate()", "what list_clusters needs"),
    ],
)
def test_a_call_or_a_parameter_without_a_row_is_an_error(text: str, says: str) -> None:
    known = _operations(frozenset({"s3", "ecs"}))
    (call,) = calls_of(ROOT / "src/stepherd/new.py", known, text)
    with pytest.raises(AssertionError, match=says):
        actions_of(call)
