"""Fault 98: AWS ends the agent's task in the middle of its work: the next attempt continues it.

The engine ends no task of its own accord, so the test does what AWS does: it ends the task's processes, and
the task's description then has the StopCode that AWS would give it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

import pytest
from tests.e2e.aftermath import no_process_left, one_terminal_status
from tests.e2e.gate import Gate
from tests.e2e.inside import Inside
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.origin import git

from stepherd.engine.integrations import ecs

BRANCH = "refs/heads/stepherd/run_1"
NOTICED = (
    "SpotInterruption",
    *(
        pytest.param(code, marks=pytest.mark.exhaustive)
        for code in ("TerminationNotice", "InfrastructureHealth")
    ),
)
"""AWS sends SIGTERM first, and waits for the definition's StopTimeout."""


class Aws:
    """Takes tasks away. The next task that ends with a failure gets the StopCode of its taking."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self._place, self._codes = place, list[str]()
        self._describe = ecs.describe_task
        monkeypatch.setattr(ecs, "describe_task", self._described)

    def _described(self, *arguments: Any, stopped: bool, **more: Any) -> dict[str, Any]:
        task = self._describe(*arguments, stopped=stopped, **more)
        codes: Mapping[str, int] = arguments[3]
        if stopped and any(codes.values()) and self._codes:
            task |= {"StopCode": self._codes.pop(0), "StoppedReason": "Your task was ended by AWS."}
        return task

    def take(self, code: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End the task that began last."""
        self._codes.append(code)
        newest = max(self._place.home.glob("tasks/*/agent/pid"), key=lambda path: path.stat().st_mtime_ns)
        os.killpg(int(newest.read_text()), how)


@pytest.fixture
def aws(place: Place, monkeypatch: pytest.MonkeyPatch) -> Aws:
    return Aws(place, monkeypatch)


def _worker(place: Place, gate: Gate) -> str:
    """An agent whose attempt N says what it found, leaves a file of its own, and waits."""
    here, go = gate.pipes
    count = place.root / "count"
    return place.script(
        f"echo begun >> {count}; n=$(wc -l < {count} | tr -d ' ')\n"
        f"(ls [0-9]*.txt; cat shared.txt) > {place.root}/found.$n 2>/dev/null || true\n"
        f"echo work of $n > $n.txt; echo line $n >> shared.txt\n"
        f"echo here > {here}; read word < {go}"
    )


def _found(place: Place, number: int) -> list[str]:
    return (place.root / f"found.{number}").read_text().split("\n")[:-1]


def _files(place: Place) -> dict[str, str]:
    names = git(place.origin.bare, "ls-tree", "--name-only", BRANCH).split()
    return {name: git(place.origin.bare, "show", f"{BRANCH}:{name}") for name in names}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("code", NOTICED)
def test_the_next_attempt_begins_with_the_work_so_far(place: Place, aws: Aws, code: str) -> None:
    before, gate = place.origin.refs(), Gate(place)
    with Inside.at(place) as inside:
        inside.start("run_1", command=_worker(place, gate))
        inside.meanwhile(gate.await_agent)
        # WHEN AWS takes the first task, and then the second
        for _ in range(2):
            aws.take(code)
            inside.meanwhile(gate.await_agent)
        gate.open()
        assert inside.ended("run_1") == "SUCCEEDED"
    # THEN each began with all that those before it had left
    assert _found(place, 2) == ["1.txt", "line 1"]
    assert _found(place, 3) == ["1.txt", "2.txt", "line 1", "line 2"]
    # AND all of it is on the branch, by one run that has succeeded
    files = _files(place)
    assert [files[f"{number}.txt"] for number in (1, 2, 3)] == ["work of 1", "work of 2", "work of 3"]
    assert files["shared.txt"].split("\n") == ["line 1", "line 2", "line 3"]
    assert list(new_commits(place.origin, before)) == [BRANCH]
    one_terminal_status(place, "run_1", "SUCCEEDED")
    no_process_left(place.root, {os.getpid()})
    # AND the attempts are told of
    report = place.folder().read_report()
    assert report is not None
    assert len(report["attempts"]) == 3


@pytest.mark.timeout(120)
def test_a_machine_that_is_gone_without_notice_loses_what_its_attempt_did_and_nothing_before(
    place: Place, aws: Aws
) -> None:
    before, gate = place.origin.refs(), Gate(place)
    with Inside.at(place) as inside:
        inside.start("run_1", command=_worker(place, gate))
        inside.meanwhile(gate.await_agent)
        aws.take("SpotInterruption")
        inside.meanwhile(gate.await_agent)
        aws.take("InfrastructureHealth", signal.SIGKILL)
        inside.meanwhile(gate.await_agent)
        gate.open()
        assert inside.ended("run_1") == "SUCCEEDED"
    assert _found(place, 3) == ["1.txt", "line 1"]
    files = _files(place)
    assert (files["1.txt"], files["3.txt"]) == ("work of 1", "work of 3")
    assert list(new_commits(place.origin, before)) == [BRANCH]


@pytest.mark.exhaustive
@pytest.mark.timeout(120)
def test_when_aws_takes_every_task_the_work_of_all_is_pushed_as_partial(place: Place, aws: Aws) -> None:
    before, gate = place.origin.refs(), Gate(place)
    with Inside.at(place) as inside:
        inside.start("run_1", command=_worker(place, gate))
        for _ in range(4):
            inside.meanwhile(gate.await_agent)
            aws.take("SpotInterruption")
        assert inside.ended("run_1") == "FAILED"
        assert new_commits(place.origin, before) == {BRANCH: ["Partial work: Do the work"]}
        assert _files(place)["shared.txt"].split("\n") == [f"line {number}" for number in (1, 2, 3, 4)]
        report = place.folder().read_report()
        assert report is not None
        assert report["error"]["next"] == "stepherd redrive run_1"
        # AND a redrive continues it
        inside.redrive("run_1")
        inside.meanwhile(gate.await_agent)
        gate.open()
        assert inside.ended("run_1") == "SUCCEEDED"
    assert _found(place, 5)[:4] == ["1.txt", "2.txt", "3.txt", "4.txt"]
    assert _files(place)["shared.txt"].split("\n")[-1] == "line 5"
