"""The usage of all of a run's attempts: reported, and counted by its limits."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from tests.integration.steps.rig import Rig

from stepherd.runs.report import build_report

USED = 'echo \'{{"type": "usage", "turns": {turns}, "cost_usd": {cost}, "output_tokens": 10}}\'\n'


@pytest.fixture
def rig(tester_rig: Rig) -> Rig:
    return tester_rig


def _script(rig: Rig, turns: int, cost: float, then: str = "") -> str:
    again = f"n=$(cat {rig.root}/count 2>/dev/null | wc -l)\necho begun >> {rig.root}/count\n"
    return again + USED.format(turns=turns, cost=cost) + (then or "test $n -gt 0")


def _begun(rig: Rig) -> int:
    return len((rig.root / "count").read_text().split())


def test_the_report_has_the_sum_of_all_attempts(rig: Rig) -> None:
    rig.tester(_script(rig, 3, 0.5))
    assert rig.step("agent", STEPHERD_ATTEMPT="0.0").returncode == 1
    rig.steps("agent", STEPHERD_ATTEMPT="1.0")
    report = build_report(rig.folder, rig.run_id)
    assert report.usage == {"turns": 6, "output_tokens": 20, "cost_usd": 1.0}
    assert [(each["number"], each["status"]) for each in report.attempts] == [(1, "failed"), (2, "succeeded")]


@pytest.mark.parametrize("limit", [{"max_turns": 5}, {"max_cost_usd": 0.75}])
def test_a_limit_counts_what_earlier_attempts_have_used(rig: Rig, limit: dict[str, float]) -> None:
    # GIVEN an agent that uses three turns and half a dollar each time, and works for as long as it may
    rig.tester(_script(rig, 3, 0.5, then="test $n -eq 0 || exec sleep 300; exit 1"), **limit)
    assert rig.step("agent", STEPHERD_ATTEMPT="0.0").returncode == 1
    # THEN the second attempt is ended where the run's limit is, not where its own would be
    assert rig.step("agent", STEPHERD_ATTEMPT="1.0").returncode == 1
    assert rig.result("agent").facts["agent"]["ending"] in ("turns", "cost")
    # AND a third one is not begun
    assert rig.step("agent", STEPHERD_ATTEMPT="2.0").returncode == 1
    assert _begun(rig) == 2
    error = rig.result("agent").error
    assert error is not None
    assert "used up" in error.message
    assert "stepherd redrive RUN --max-" in error.remedy


def test_an_attempt_that_was_killed_has_used_what_it_told(rig: Rig) -> None:
    rig.tester(_script(rig, 3, 0.5, then="test $n -gt 0 || exec sleep 300"), max_turns=3)
    child = rig.start("agent", STEPHERD_ATTEMPT="0.0")
    while not any(event["type"] == "usage" for event in _events(rig)):
        assert child.poll() is None
        time.sleep(0.05)  # Nothing tells of a write to the store.
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()
    assert rig.step("agent", STEPHERD_ATTEMPT="1.0").returncode == 1
    assert _begun(rig) == 1
    assert (build_report(rig.folder, rig.run_id).usage or {})["turns"] == 3


def _events(rig: Rig) -> list[dict[str, object]]:
    if not rig.folder.store.exists("events.jsonl"):
        return []
    return [json.loads(line) for line in rig.folder.store.get("events.jsonl").body.splitlines()]
