"""One fold reads histories: what the command line, the API and the logs of tasks say of a run is the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.faults.test_013_replay import NAMED, RECORDED, lay_down

from stepherd.api.describing import states_json
from stepherd.engine.api.operations import Api
from stepherd.engine.core import Engine
from stepherd.history.progress import Progress
from stepherd.history.tasks import containers_of

History = list[dict[str, Any]]
Runner = Callable[..., History]
Task = Callable[..., dict[str, Any]]
RETRY = [{"ErrorEquals": ["Oops"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}]


def branches(*machines: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"StartAt": next(iter(states)), "States": states} for states in machines]


def evaluation_failed(history: Runner, task: Task) -> History:
    """The way of a redrive that begins at RunAgent: its fields refuse, and another state takes it up."""
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "After"}]
    bad = {**task("After", Catch=catch), "TimeoutSeconds": "{% $error('not now') %}"}
    return history({"Bad": bad, "After": task()})


def output_refused(history: Runner, task: Task) -> History:
    """The task has succeeded, and what is to be made of its answer cannot be."""
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    return history({"Bad": task("After", Catch=catch, Output="{% $error('no') %}"), "After": task()})


def retried(history: Runner, task: Task) -> History:
    return history({"Flaky": task("After", Retry=RETRY), "After": task()}, {"Flaky": 2})


def caught(history: Runner, task: Task) -> History:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    return history({"Bad": task("After", Catch=catch), "After": task()}, {"Bad": -1})


def redriven(history: Runner, task: Task) -> History:
    both = {"Type": "Parallel", "Branches": branches({"Bad": task()}, {"Good": task()}), "End": True}
    return history({"Both": both}, {"Bad": 2}, redrives=2)


def waiting_stopped_and_redriven(history: Runner, task: Task) -> History:
    pause = {"Type": "Wait", "Seconds": 5, "Next": "After"}
    both = {"Type": "Parallel", "Branches": branches({"Slow": task()}, {"Pause": {**pause, "Next": "P"},
            "P": {"Type": "Pass", "End": True}}), "End": True}  # fmt: skip
    return history({"Both": both}, {"Slow": -2}, redrives=0, stop="Pause")


def parallel_gives_up(history: Runner, task: Task) -> History:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    both = {"Type": "Parallel", "Branches": branches({"Bad": task()}, {"Slow": task()}), "Next": "After"}
    return history({"Both": {**both, "Catch": catch}, "After": task()}, {"Bad": 1, "Slow": -2})


STORIES = (
    evaluation_failed, output_refused, retried, caught, redriven, waiting_stopped_and_redriven,
    parallel_gives_up,
)  # fmt: skip


def check(events: History) -> None:
    """At every moment of a history the readers agree, however it comes to them."""
    slowly = Progress()
    for number, event in enumerate(events, start=1):
        slowly.feed([event])
        told = states_json(events[:number])
        running = slowly.status == "RUNNING"
        shown = [row.to_json(0, running=running) for row in slowly.rows]
        assert [(s["name"], s["status"], s["attempts"]) for s in told] == [
            (s["name"], s["status"], s["attempts"]) for s in shown
        ]
        assert all((s["stopped"] is None) == (s["status"] == "RUNNING") for s in told)
        known = {row.name for row in slowly.rows}
        assert all(container.state in known for container in containers_of(slowly.rows))


@pytest.mark.parametrize("story", STORIES)
def test_all_readers_agree_at_every_event(
    history: Runner, a_task: Task, story: Callable[[Runner, Task], History]
) -> None:
    check(story(history, a_task))


def test_they_agree_on_every_recorded_history(tmp_path: Path) -> None:
    lay_down(tmp_path / "journal.sqlite3", len(RECORDED))
    engine = Engine(tmp_path)
    events = Api(engine).call("GetExecutionHistory", {"executionArn": NAMED, "maxResults": 1000})["events"]
    engine.journal.close()
    assert len(events) > 20
    check(events)


@pytest.mark.parametrize("story", [evaluation_failed, output_refused])
def test_a_failure_that_is_caught_stays_one_for_callers_too(
    history: Runner, a_task: Task, story: Callable[[Runner, Task], History]
) -> None:
    told = states_json(story(history, a_task))
    assert [(state["name"], state["status"]) for state in told] == [("Bad", "FAILED"), ("After", "SUCCEEDED")]


def test_a_failure_in_a_branch_is_one_as_soon_as_its_parallel_has_failed(
    history: Runner, a_task: Task
) -> None:
    events = parallel_gives_up(history, a_task)
    failed = next(i for i, event in enumerate(events) if event["type"] == "ParallelStateFailed")
    for number in range(failed + 1, len(events) + 1):
        told = {state["name"]: state["status"] for state in states_json(events[:number])}
        assert (told["Bad"], told["Slow"]) == ("FAILED", "ABORTED")


def test_a_state_began_when_it_was_entered_however_long_the_run_lay_still_in_it(
    history: Runner, a_task: Task
) -> None:
    events = redriven(history, a_task)
    entered = {
        event["stateEnteredEventDetails"]["name"]: event["timestamp"]
        for event in events
        if event["type"] == "TaskStateEntered"
    }
    progress = Progress()
    progress.feed(events)
    bad = next(row for row in progress.rows if row.name == "Bad")
    assert bad.still >= 600
    assert bad.entered - bad.still == pytest.approx(entered["Bad"])
    assert bad.seconds(0) < 300


def submitted(output: object, resource: str = "ecs") -> dict[str, Any]:
    return {"resourceType": resource, "output": output if isinstance(output, str) else json.dumps(output)}


@pytest.mark.parametrize(
    "details",
    [
        submitted("cut"), submitted({"Tasks": [{"Containers": [{}]}]}), submitted({"Tasks": 3}),
        submitted({"Tasks": []}, "states"), {"resourceType": "ecs"}, {},
    ],
)  # fmt: skip
def test_an_answer_that_a_history_left_out_tells_of_no_container(details: dict[str, Any]) -> None:
    progress = Progress()
    progress.feed(
        [
            {"id": 1, "type": "TaskStateEntered", "timestamp": 1.0, "previousEventId": 0,
             "stateEnteredEventDetails": {"name": "RunAgent"}},
            {"id": 2, "type": "TaskSubmitted", "timestamp": 1.0, "previousEventId": 1,
             "taskSubmittedEventDetails": details},
        ]
    )  # fmt: skip
    assert containers_of(progress.rows) == []


def test_containers_come_in_the_order_of_their_events_and_say_whose_they_are() -> None:
    tasks = {
        "Tasks": [{"TaskArn": "arn:aws:ecs:x:0:task/c/abc", "Containers": [{"Name": "a"}, {"Name": "b"}]}]
    }
    progress = Progress()
    for number, name in ((1, "First"), (3, "Second")):
        progress.feed(
            [
                {"id": number, "type": "TaskStateEntered", "timestamp": 1.0, "previousEventId": 0,
                 "stateEnteredEventDetails": {"name": name}},
                {"id": number + 1, "type": "TaskSubmitted", "timestamp": 1.0, "previousEventId": number,
                 "taskSubmittedEventDetails": submitted(tasks)},
            ]
        )  # fmt: skip
    found = containers_of(progress.rows)
    assert [(one.state, one.stream) for one in found] == [
        ("First", "a/a/abc"), ("First", "b/b/abc"), ("Second", "a/a/abc"), ("Second", "b/b/abc"),
    ]  # fmt: skip
    assert [one.state for one in containers_of(progress.rows, after=2)] == ["Second", "Second"]
