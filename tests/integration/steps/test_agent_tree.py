"""The result of a run whose agent's processes are not known to have ended."""

from __future__ import annotations

import pytest
from tests.integration.steps.rig import Rig


@pytest.fixture
def unsure(rig: Rig) -> Rig:
    rig.make_remote()
    rig.prepare(command="sh -c 'echo work >new.txt'", verify="true")
    rig.steps("clone")
    rig.module = "tests.integration.steps.unsure_step"
    return rig


def test_without_a_means_to_prove_it_the_report_says_so_once(unsure: Rig) -> None:
    done = unsure.step("agent", PROOF="unproven this system has no means for it")
    assert done.returncode == 0, done.stderr
    result = unsure.result("agent")
    assert result.facts["bundle"]
    assert result.facts["note"] == (
        "It is not certain that every process of the agent has ended: this system has no means for it."
    )


def test_processes_that_are_left_fail_the_run_and_nothing_touches_its_work(unsure: Rig) -> None:
    done = unsure.step("agent", PROOF="alive some would not end")
    assert done.returncode != 0
    result = unsure.result("agent")
    assert result.error is not None
    assert result.error.category == "processes_left"
    assert "some would not end" in result.error.message
    assert "stepherd redrive" in result.error.remedy
    assert "bundle" not in result.facts
    assert "verify" not in result.facts
