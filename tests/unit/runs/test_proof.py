"""The proof of a success."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stepherd.runs.proof import SuccessNotProven, check_success, without_foreign_push
from stepherd.runs.request import Request
from stepherd.runs.result import Failure, Result

START, END = "2026-11-21T10:00:00.000Z", "2026-11-21T10:00:02.500Z"
REQUEST = Request(
    run_id="run_1",
    instructions="/i",
    repo="https://github.com/o/n.git",
    base=None,
    branch="stepherd/run_1",
    agent="command",
    command="true",
    message="m",
    timeout_seconds=60,
    push="branch",
    verify=None,
    verify_required=False,
    git_credentials=None,
)
AGENT = Result("agent", "0.0", 1, "succeeded", START, END, None, {"bundle": "agent/changes.bundle"})
PUSHED = {"agent_finished": END, "branch": "stepherd/run_1", "commit": "d" * 40}
PUSH = Result("push", "0.0", 1, "succeeded", START, END, None, PUSHED)
WHY = Failure("agent", "It failed.")


def proven(request: Request = REQUEST, **results: Result | None) -> None:
    """Check these results, with those of a good run for what is not given."""
    found = {"agent": AGENT, "push": PUSH, **results}
    check_success({step: result for step, result in found.items() if result is not None}, request)


def test_a_push_of_the_agent_s_work_to_the_branch_of_the_request_is_a_proof() -> None:
    proven()


def test_without_a_change_or_a_wish_for_a_push_none_is_needed() -> None:
    proven(agent=replace(AGENT, facts={}), push=None)
    proven(replace(REQUEST, push="none"), push=None)


@pytest.mark.parametrize(
    ("step", "change"),
    [
        ("agent", None),
        ("agent", {"status": "failed", "error": WHY}),
        ("push", None),
        ("push", {"status": "failed", "error": WHY}),
        ("push", {"facts": {}}),
        ("push", {"facts": {**PUSHED, "agent_finished": START}}),
        ("push", {"facts": {**PUSHED, "branch": "main"}}),
        ("push", {"facts": {**PUSHED, "commit": None}}),
    ],
)
def test_anything_else_is_not(step: str, change: dict[str, Any] | None) -> None:
    good = {"agent": AGENT, "push": PUSH}[step]
    with pytest.raises(SuccessNotProven):
        proven(**{step: None if change is None else replace(good, **change)})


def test_facts_of_a_push_of_other_work_or_one_that_was_not_wanted_are_left_out() -> None:
    good = {"agent": AGENT, "push": PUSH}
    assert without_foreign_push(good, REQUEST) == good
    assert without_foreign_push(good, None) == good
    other = replace(PUSH, facts={**PUSHED, "agent_finished": START})
    for results, request in (
        (good, replace(REQUEST, push="none")),
        ({**good, "push": other}, REQUEST),
        ({"push": PUSH}, REQUEST),
    ):
        push = without_foreign_push(results, request)["push"]
        assert (push.facts, push.status) == ({}, "succeeded")
