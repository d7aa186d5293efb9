"""The tasks that are stopped when a run has ended, and those left alone because it has not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from stepherd.errors import DataError, TemporaryError
from stepherd.runs.orphans import Ended, ended_of, stop_orphans
from stepherd.services.aws.tasks import Task, Tasks
from stepherd.services.step_functions.executions import Execution, Executions

SAMPLE = json.loads((Path(__file__).parents[3] / "events/stop_left_over.json").read_text())
STOPPED = datetime(2026, 11, 21, 11, 20, 12, 456000, UTC)
RUN = "run_20261121T101500Z_3fa9c1"
BEFORE, AFTER = STOPPED - timedelta(seconds=60), STOPPED + timedelta(seconds=60)


def task(name: str, created: datetime = BEFORE, run: str = RUN, **more: str) -> Task:
    return Task(name, created, ({"STEPHERD_RUN_FOLDER": f"s3://b/runs/{run}", **more},))


@dataclass
class Running:
    """A cluster and a Step Functions in memory."""

    tasks: list[Task]
    now: Execution = field(default_factory=lambda: Execution("arn", "FAILED"))
    logins: list[tuple[str, datetime]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    fails: str = ""
    asked: list[str] = field(default_factory=list)

    def running(self) -> Iterator[Task]:
        self.asked.append("tasks")
        yield from [task for task in self.tasks if task.arn not in self.stopped]

    def stop(self, arn: str, reason: str, cause: str = "") -> None:
        assert RUN in reason + cause
        if arn == self.fails:
            raise TemporaryError("AWS is too busy.")
        self.stopped.append(arn)

    def find(self, arn: str) -> Execution:
        self.asked.append("execution")
        return self.now

    def nested(self, arn: str) -> Iterator[tuple[str, datetime]]:
        self.asked.append("nested")
        yield from self.logins

    def is_running(self, arn: str) -> bool:
        return arn not in self.stopped and not arn.startswith("over")


def ended(**changes: Any) -> Ended:
    return ended_of({**SAMPLE, "detail": {**SAMPLE["detail"], **changes}})


def stop(world: Running, **changes: Any) -> Any:
    return stop_orphans(ended(**changes), cast("Tasks", world), cast("Executions", world))


def test_the_event_is_read() -> None:
    found = ended()
    assert (found.run_id, found.status, found.stopped) == (RUN, "ABORTED", STOPPED)
    assert found.request["reply_to"] == "inbox/tides"  # type: ignore[index]
    assert ended(input=None).request is None


@pytest.mark.parametrize("change", [{"status": "RUNNING"}, {"stopDate": None}, {"input": "{"}])
def test_what_is_no_end_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        ended(**change)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_the_tasks_of_the_run_are_stopped_and_no_others(status: str) -> None:
    others = [
        task("other", run="run_20261121T101500Z_3fa9c2"),
        task("longer", run=f"x{RUN}"),
        task("deeper", run=f"{RUN}/more"),
        Task("foreign", BEFORE, ({"OTHER": f"/runs/{RUN}"}, {})),
        Task("bare", BEFORE, ()),
    ]
    world = Running(
        [
            task("git"),
            *others,
            task("agent", AFTER),
            Task("slash", BEFORE, ({}, {"STEPHERD_RUN_FOLDER": f"s3://b/p/runs/{RUN}/"})),
        ]
    )
    left = stop(world, status=status)
    assert left.tasks == ("git", "agent", "slash")
    assert world.stopped == ["git", "agent", "slash"]
    assert stop(world, status=status).tasks == (), "doing it again does nothing"


def test_a_login_that_still_waits_is_stopped_unless_the_run_succeeded() -> None:
    logins = [("over", BEFORE), ("waits", BEFORE)]
    world = Running([], logins=logins)
    assert stop(world, status="ABORTED").executions == ("waits",)
    assert world.stopped == ["waits"]
    world = Running([], logins=logins)
    assert stop(world, status="SUCCEEDED").executions == ()
    assert "nested" not in world.asked


def test_a_late_event_leaves_what_a_redrive_has_started_alone() -> None:
    redriven = Execution("arn", "RUNNING", redriven=STOPPED + timedelta(seconds=30))
    between = STOPPED + timedelta(seconds=10)
    tasks = [task("old"), task("slipped through", between), task("new", AFTER)]
    world = Running(tasks, redriven, [("old login", BEFORE), ("new login", AFTER)])
    left = stop(world)
    assert (left.tasks, left.executions) == (("old", "slipped through"), ("old login",))
    assert left.redriven


def test_an_answer_that_lags_behind_the_event_keeps_nothing_alive() -> None:
    """DescribeExecution is eventually consistent: it may still say RUNNING."""
    for redriven in (None, BEFORE - timedelta(seconds=600)):
        world = Running([task("old"), task("new", AFTER)], Execution("arn", "RUNNING", redriven=redriven))
        left = stop(world)
        assert (left.tasks, left.redriven) == (("old",), False)


def test_whether_the_run_goes_on_is_asked_after_what_runs_was_listed() -> None:
    """Else a redrive in between would lose its first task."""
    world = Running([task("old")])
    stop(world)
    assert world.asked == ["tasks", "nested", "execution"]


def test_one_that_cannot_be_stopped_does_not_save_the_others() -> None:
    world = Running([task("a"), task("b")], logins=[("c", BEFORE)], fails="a")
    with pytest.raises(TemporaryError):
        stop(world)
    assert world.stopped == ["b", "c"]
