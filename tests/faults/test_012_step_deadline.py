"""Fault 12: a state that runs out of time does not stop its container on AWS: the step ends before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.steps.rig import Rig
from tests.processes import gone_soon

from stepherd.runs.request import Request
from stepherd.runs.steps import STEPS
from stepherd.steps.deadline import seconds_of

ROOT = Path(__file__).parents[2]
PIPELINE = json.loads((ROOT / "statemachines/pipeline.asl.json").read_text())


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        made.make_remote()
        yield made


def test_a_clone_that_hangs_ends_itself_in_good_order(rig: Rig) -> None:
    trap = rig.root / "bin"
    trap.mkdir()
    (trap / "git").write_text(f"#!/bin/sh\necho $$ > {rig.root}/pid\nexec sleep 300\n")
    (trap / "git").chmod(0o755)
    rig.prepare(command="true")
    began = time.monotonic()
    done = rig.step("clone", PATH=f"{trap}:{os.environ['PATH']}", STEPHERD_STEP_SECONDS="2")
    assert time.monotonic() - began < 60
    assert done.returncode == 75, done.stderr
    result = rig.result("clone")
    assert result.status == "failed"
    assert result.error is not None
    assert (result.error.category, result.error.retryable) == ("deadline", True)
    assert "stepherd redrive" in result.error.remedy
    assert list((rig.root / "tmp").iterdir()) == []
    assert gone_soon(int((rig.root / "pid").read_text()))


@pytest.mark.exhaustive
def test_an_agent_whose_step_runs_out_of_time_keeps_its_partial_work(rig: Rig) -> None:
    rig.prepare("# Add it\n", command="sh -c 'echo half > new.txt; exec sleep 300'")
    rig.steps("clone")
    done = rig.step("agent", STEPHERD_STEP_SECONDS="4")
    assert done.returncode == 75, done.stderr
    result = rig.result("agent")
    assert result.facts["bundle"]
    rig.steps("push")
    assert rig.show("stepherd/run_1", "%s") == "Partial work: Add it"


def test_a_step_that_is_in_time_knows_of_no_deadline(rig: Rig) -> None:
    rig.prepare(command="true")
    rig.steps("clone", STEPHERD_STEP_SECONDS="60")


def test_a_step_that_cannot_end_is_given_up_after_its_grace(tmp_path: Path) -> None:
    code = (
        "import threading, time; from stepherd.steps.deadline import deadline; "
        "from stepherd.steps.termination import Terminated, Termination; "
        "t = Termination(); t.install()\n"
        "with deadline(0.2, t, grace=0.5):\n"
        "    while True:\n"
        "        try: time.sleep(60)\n"
        "        except Terminated: pass\n"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 75
    assert "given up" in done.stderr
    assert time.monotonic() - began < 30


def _states(scope: Any) -> Iterator[tuple[str, Any]]:
    for name, state in scope["States"].items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from _states(branch)


def test_every_step_has_less_time_than_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    fields: dict[str, Any] = dict.fromkeys(Request.__dataclass_fields__)
    request = Request(**{**fields, "timeout_seconds": 60, "verify": "make test", "verify_rounds": 0})
    seen = set()
    for _name, state in _states(PIPELINE):
        if not str(state.get("Resource", "")).startswith("arn:aws:states:::ecs:"):
            continue
        step = state["Arguments"]["Overrides"]["ContainerOverrides"][0]["Command"][-1]
        seen.add(step)
        allowed = STEPS[step].seconds or request.agent_task_seconds
        if step == "agent":
            assert state["TimeoutSeconds"] == "{% $run.agent_task_seconds %}"
        else:
            assert state["TimeoutSeconds"] == allowed
        # Cold starts of 180 s are what users report (facts/step-functions.md 3).
        assert seconds_of(step, request) + 180 < allowed
    assert seen == {name for name, step in STEPS.items() if step.in_container}
    # The agent's own limits come first, with time to bundle and upload what it did.
    assert seconds_of("agent", request) > request.timeout_seconds + request.verify_seconds + 300
