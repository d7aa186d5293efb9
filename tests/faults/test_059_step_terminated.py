"""Fault 59: a step is terminated (Spot, retirement, stop): what was done is kept inside the grace time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.steps.rig import Rig
from tests.processes import lives


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig.at(tmp_path) as made:
        made.make_remote()
        yield made


def test_an_interrupted_agent_s_work_is_bundled_pushed_as_partial_and_can_be_redriven(rig: Rig) -> None:
    # GIVEN an agent in the middle of its work
    work = f"echo half > new.txt; echo up; test -e {rig.root}/luck || exec sleep 300"
    rig.prepare("# Add it\n", command=f"sh -c '{work}'")
    rig.steps("clone")
    child = rig.start("agent")
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    # WHEN its task is terminated, as the engine and ECS do it
    started = time.monotonic()
    os.killpg(child.pid, signal.SIGTERM)
    child.wait(60)
    # THEN
    assert time.monotonic() - started < 30
    assert child.returncode == 75
    result = rig.result("agent")
    assert result.status == "interrupted"
    assert result.error is not None
    assert result.error.retryable
    assert "stepherd redrive" in result.error.remedy
    assert result.facts["bundle"]
    rig.steps("push")
    assert rig.show("stepherd/run_1", "%s") == "Partial work: Add it"
    (rig.root / "luck").touch()
    rig.steps("agent", "push", STEPHERD_ATTEMPT="1.0")
    assert not rig.result("push").facts["partial"]


@pytest.fixture
def hanging(rig: Rig) -> Path:
    """A git that waits, first in PATH. Its child leaves session and parent, and notes its id."""
    trap = rig.root / "bin"
    trap.mkdir()
    note = f"echo $$ > {rig.root}/pid; exec sleep 300"
    (trap / "git").write_text(f"#!/bin/sh\n(setsid sh -c '{note}' &)\nexec sleep 300\n")
    (trap / "git").chmod(0o755)
    rig.prepare(command="true")
    return trap


@pytest.mark.parametrize("blows", [1, 3])
def test_a_clone_that_is_terminated_says_so_and_leaves_nothing(rig: Rig, hanging: Path, blows: int) -> None:
    # GIVEN a clone that hangs
    child = rig.start("clone", PATH=f"{hanging}:{os.environ['PATH']}")
    pid = rig.root / "pid"
    end = time.monotonic() + 30
    while not (pid.exists() and pid.read_text().strip()) and time.monotonic() < end and child.poll() is None:
        time.sleep(0.01)  # for the program to be there; its being there is what is awaited
    # WHEN
    for _ in range(blows):
        child.send_signal(signal.SIGTERM)
    child.wait(60)
    # THEN
    assert child.returncode == 75, child.stderr and child.stderr.read()
    assert rig.result("clone").status == "interrupted"
    assert list((rig.root / "tmp").iterdir()) == []
    assert not lives(int(pid.read_text()))


def test_a_process_that_the_step_does_not_know_of_yet_is_ended_too(rig: Rig, hanging: Path) -> None:
    """WHEN the signal comes between the start of git and its being known, as under load it does."""
    rig.module = "tests.faults.torn_step"
    path = f"{hanging}:{os.environ['PATH']}"
    done = rig.step("clone", PATH=path, STARTED=str(rig.root / "pid"))
    assert done.returncode == 75, done.stderr
    assert rig.result("clone").status == "interrupted"
    assert list((rig.root / "tmp").iterdir()) == []
    assert not lives(int((rig.root / "pid").read_text()))


def test_a_signal_that_python_dropped_is_heard_all_the_same(rig: Rig, hanging: Path) -> None:
    """WHEN it comes in the callback of a weak reference, as there is one for each module that is imported."""
    rig.module = "tests.faults.deaf_step"
    done = rig.step("clone", PATH=f"{hanging}:{os.environ['PATH']}")
    assert "Exception ignored" in done.stderr
    assert done.returncode == 75, done.stderr
    assert rig.result("clone").status == "interrupted"
    assert list((rig.root / "tmp").iterdir()) == []
