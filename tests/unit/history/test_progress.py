"""A run's states, folded from histories that the engine wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stepherd.cli.follow.views import make_view
from stepherd.cli.output import Output
from stepherd.history.progress import Progress

History = Callable[..., list[dict[str, Any]]]
Task = Callable[..., dict[str, Any]]


def folded(events: list[dict[str, Any]]) -> Progress:
    progress = Progress()
    progress.feed(events)
    return progress


def rows(progress: Progress) -> list[tuple[str, str, int]]:
    return [(row.name, row.status, row.attempts) for row in progress.rows]


def test_every_visit_of_a_task_is_one_row_and_other_states_are_none(history: History, a_task: Task) -> None:
    events = history({"A": a_task("P"), "P": {"Type": "Pass", "Next": "B"}, "B": a_task()})
    progress = folded(events)
    assert rows(progress) == [("A", "SUCCEEDED", 1), ("B", "SUCCEEDED", 1)]
    assert progress.status == "SUCCEEDED"
    assert all(row.ended is not None for row in progress.rows)


def test_a_history_that_does_not_say_which_event_follows_which_is_read_in_its_order(
    history: History, a_task: Task
) -> None:
    events = history({"A": a_task("B"), "B": a_task()})
    for event in events:
        del event["previousEventId"]
    assert rows(folded(events)) == [("A", "SUCCEEDED", 1), ("B", "SUCCEEDED", 1)]


def test_a_retried_state_counts_its_attempts_in_one_row(history: History, a_task: Task) -> None:
    retry = [{"ErrorEquals": ["Oops"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1}]
    progress = folded(history({"Flaky": a_task(Retry=retry)}, {"Flaky": 1}))
    assert rows(progress) == [("Flaky", "SUCCEEDED", 2)]
    assert progress.rows[0].seconds(0) >= 1, "the wait between the attempts belongs to the visit"


def test_an_attempt_that_will_be_repeated_leaves_its_state_running(history: History, a_task: Task) -> None:
    retry = [{"ErrorEquals": ["Oops"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}]
    events = history({"Flaky": a_task(Retry=retry)}, {"Flaky": 1})
    first_failure = next(i for i, event in enumerate(events) if event["type"] == "TaskFailed")
    progress = folded(events[: first_failure + 1])
    assert progress.rows[0].to_json(0, running=True)["status"] == "RUNNING"
    assert folded(events).rows[0].to_json(0, running=False)["status"] == "SUCCEEDED"


def test_a_caught_failure_stays_a_failure(history: History, a_task: Task) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    progress = folded(history({"Bad": a_task("After", Catch=catch), "After": a_task()}, {"Bad": -1}))
    assert rows(progress) == [("Bad", "FAILED", 1), ("After", "SUCCEEDED", 1)]
    assert progress.rows[0].error == "Oops"
    assert progress.status == "SUCCEEDED"


def test_a_state_whose_fields_cannot_be_evaluated_has_failed(history: History, a_task: Task) -> None:
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "After"}]
    bad = {**a_task("After", Catch=catch), "TimeoutSeconds": "{% $error('not now') %}"}
    progress = folded(history({"Bad": bad, "After": a_task()}))
    assert [row.status for row in progress.rows] == ["FAILED", "SUCCEEDED"]
    assert progress.rows[0].error == "States.QueryEvaluationError"


def branches(*machines: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"StartAt": next(iter(states)), "States": states} for states in machines]


def test_a_branch_that_fails_stops_its_siblings_and_nothing_else(history: History, a_task: Task) -> None:
    # GIVEN an outer Parallel with a task that takes long, beside an inner Parallel where one branch fails
    inner = {
        "Type": "Parallel", "Branches": branches({"Bad": a_task()}, {"Sibling": a_task()}), "End": True,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Slow"}],
    }  # fmt: skip
    both = branches({"Inner": inner, "Slow": a_task()}, {"Beside": a_task()})
    events = history(
        {"Outer": {"Type": "Parallel", "Branches": both, "End": True}},
        {"Bad": 1, "Sibling": -2, "Beside": -2},
        stop="Slow",
    )
    # WHEN the inner Parallel has failed
    failed = next(i for i, event in enumerate(events) if event["type"] == "ParallelStateFailed")
    progress = folded(events[: failed + 1])
    # THEN only its own branches are over
    found = {row.name: row.status for row in progress.rows}
    assert found == {"Bad": "FAILED", "Sibling": "ABORTED", "Beside": "RUNNING"}
    assert {row.name: row.status for row in folded(events).rows}["Beside"] == "ABORTED"


def test_a_parallel_that_is_tried_again_visits_its_states_again(history: History, a_task: Task) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1, "BackoffRate": 1}]
    parallel = {
        "Type": "Parallel", "Branches": branches({"Bad": a_task()}, {"Good": a_task()}), "End": True,
        "Retry": retry,
    }  # fmt: skip
    progress = folded(history({"Both": parallel}, {"Bad": 1}))
    assert progress.status == "SUCCEEDED"
    assert sorted(rows(progress))[:2] == [("Bad", "FAILED", 1), ("Bad", "SUCCEEDED", 1)]
    assert "RUNNING" not in {row.status for row in progress.rows}


@pytest.mark.parametrize("states", ["plain", "parallel"])
def test_a_redriven_state_goes_on_in_its_row_without_the_time_between(
    history: History, a_task: Task, states: str
) -> None:
    plain = {"A": a_task("Bad"), "Bad": a_task()}
    both = {"Type": "Parallel", "Branches": branches({"Bad": a_task()}, {"B": a_task()}), "End": True}
    events = history(plain if states == "plain" else {"Both": both}, {"Bad": 1}, redrives=1)
    progress = folded(events)
    bad = next(row for row in progress.rows if row.name == "Bad")
    assert (bad.status, bad.attempts, progress.status) == ("SUCCEEDED", 2, "SUCCEEDED")
    assert [row.name for row in progress.rows].count("Bad") == 1
    assert bad.seconds(0) < 300, "five minutes lay between the end and the redrive"
    assert progress.seconds(0) < 300


def test_a_stopped_run_stops_what_still_ran(history: History, a_task: Task) -> None:
    progress = folded(history({"A": a_task("Slow"), "Slow": a_task()}, {"Slow": -2}, stop="Slow"))
    assert rows(progress) == [("A", "SUCCEEDED", 1), ("Slow", "ABORTED", 1)]
    assert progress.status == "ABORTED"


def test_a_stopped_state_that_a_redrive_leaves_at_once_keeps_its_end(history: History, a_task: Task) -> None:
    # GIVEN a state that a redrive leaves for another one, as RunAgent for AmendRun, which takes a minute
    changed = "{% $states.context.Execution.RedriveCount > 0 ? $error('changed') : 'f' %}"
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "After"}]
    slow = a_task("After", Catch=catch)
    slow["Arguments"] = {**slow["Arguments"], "FunctionName": changed}
    states = {"Slow": slow, "After": {"Type": "Wait", "Seconds": 60, "Next": "Last"}, "Last": a_task()}
    # WHEN it is stopped there and redriven
    events = history(states, {"Slow": -2}, redrives=1, stop="Slow")
    progress = folded(events)
    # THEN it was stopped when the run was, once and for all, and nothing of it is left for the next redrive
    assert rows(progress) == [("Slow", "ABORTED", 1), ("After", "SUCCEEDED", 0), ("Last", "SUCCEEDED", 1)]
    stopped = folded(events[: next(i for i, e in enumerate(events) if e["type"] == "ExecutionRedriven")])
    first, before = progress.rows[0], stopped.rows[0]
    assert (first.entered, first.ended, first.interrupted) == (before.entered, before.ended, False)
    # AND the clock of the run leaves out what lay between its end and the redrive, and nothing else
    assert progress.began(first) == stopped.started
    after, last = progress.rows[1:]
    assert after.entered - progress.began(after) < 60 <= last.entered - progress.began(last) < 120


def test_lines_of_a_redriven_run_say_when_each_state_ended(
    history: History, a_task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN a run that waits a minute, fails, and is redriven five minutes later
    events = history({"W": {"Type": "Wait", "Seconds": 60, "Next": "Bad"}, "Bad": a_task()}, {"Bad": 1}, 1)
    progress = folded(events)
    # WHEN it is watched from its beginning on
    make_view(Output()).update(progress, progress.rows)
    # THEN the minute counts, and the five minutes do not
    lines = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert [line[:2] for line in lines] == [["1", "min"], ["1", "min"]], lines


def test_events_fed_twice_or_one_by_one_change_nothing(history: History, a_task: Task) -> None:
    events = history({"A": a_task("B"), "B": a_task()})
    whole, slowly = folded(events), Progress()
    for event in events:
        slowly.feed([event])
        slowly.feed([event])
    slowly.feed(events)
    assert rows(slowly) == rows(whole)
    assert slowly.last_event == whole.last_event == len(events)


def test_what_changed_is_told_once(history: History, a_task: Task) -> None:
    events = history({"A": a_task()})
    progress = Progress()
    assert [row.name for row in progress.feed(events)] == ["A"]
    assert progress.feed(events) == []
