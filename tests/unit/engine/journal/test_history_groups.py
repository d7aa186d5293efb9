"""Histories of Parallel and Map, fact by fact (facts/histories.md 1.2, 1.3 and 5.5)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import ECS, Bench, Finished, Scripted, branches, each, fails, hangs, play, task

PASS = {"X": {"Type": "Pass"}}
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "N"}]
NEXT = {"N": {"Type": "Pass"}}
ONCE = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]


def test_a_parallel_that_succeeds(tmp_path: Path) -> None:
    done = play(tmp_path, {"P": branches({"A": {"Type": "Pass", "Output": 1}}, Next="N"), **NEXT})

    assert done.chain == (
        "2<-0 ParallelStateEntered, 3<-2 ParallelStateStarted, 4<-3 PassStateEntered, 5<-4 PassStateExited, "
        "6<-5 ParallelStateSucceeded, 7<-5 ParallelStateExited, 8<-7 PassStateEntered, 9<-8 PassStateExited, "
        "10<-9 ExecutionSucceeded"
    )
    assert done.details("ParallelStateExited")["output"] == "[1]"


def test_every_branch_starts_at_the_started_event(tmp_path: Path) -> None:
    done = play(tmp_path, {"P": branches({"A": {"Type": "Pass"}}, {"B": {"Type": "Wait", "Seconds": 1}})})

    firsts = [e for e in done.events if e["type"] in ("PassStateEntered", "WaitStateEntered")]
    assert [event["previousEventId"] for event in firsts] == [3, 3]


def test_the_result_is_in_the_order_of_the_branches_whatever_ends_first(tmp_path: Path) -> None:
    slow = {"A": {"Type": "Wait", "Seconds": 9, "Output": "slow"}}

    done = play(tmp_path, {"P": branches(slow, {"B": {"Type": "Pass", "Output": "fast"}})})

    assert done.output == ["slow", "fast"]
    assert done.events[-2]["previousEventId"] == max(
        e["id"] for e in done.events if e["type"] == "WaitStateExited"
    )


def test_arguments_are_the_input_of_each_branch(tmp_path: Path) -> None:
    state = branches(PASS, {"Y": {"Type": "Pass"}}, Arguments={"n": "{% $states.input.n %}"})

    done = play(tmp_path, {"P": state}, '{"n": 1, "m": 2}')

    assert done.output == [{"n": 1}, {"n": 1}]


def test_a_failed_task_in_a_branch_caught_outside(tmp_path: Path) -> None:
    """The recorded example of facts/histories.md 1.3."""
    fake = Scripted({"Tasks": []}, waits=[fails("States.TaskFailed", "c")])

    done = play(tmp_path, {"P": branches({"T": task(ECS)}, Catch=CATCH), **NEXT}, integrations={"ecs": fake})

    assert done.chain == (
        "2<-0 ParallelStateEntered, 3<-2 ParallelStateStarted, 4<-3 TaskStateEntered, 5<-4 TaskScheduled, "
        "6<-5 TaskStarted, 7<-6 TaskSubmitted, 8<-7 TaskFailed, 9<-8 TaskStateAborted, "
        "10<-8 ParallelStateFailed, 11<-10 ParallelStateExited, 12<-11 PassStateEntered, 13<-12 "
        "PassStateExited, "
        "14<-13 ExecutionSucceeded"
    )
    assert done.output == {"Error": "States.TaskFailed", "Cause": "c"}


def test_a_branch_that_reaches_fail(tmp_path: Path) -> None:
    done = play(tmp_path, {"P": branches({"F": {"Type": "Fail", "Error": "E", "Cause": "c"}})})

    assert done.chain == (
        "2<-0 ParallelStateEntered, 3<-2 ParallelStateStarted, 4<-3 FailStateEntered, 5<-4 "
        "ParallelStateFailed, "
        "6<-5 ExecutionFailed"
    )
    assert done.details("ExecutionFailed") == {"error": "E", "cause": "c"}


def test_a_parallel_is_retried_from_the_failing_event_without_a_failed_event_between(tmp_path: Path) -> None:
    done = play(tmp_path, {"P": branches({"F": {"Type": "Fail", "Error": "E"}}, Retry=ONCE)})

    assert done.chain == (
        "2<-0 ParallelStateEntered, 3<-2 ParallelStateStarted, 4<-3 FailStateEntered, 5<-4 "
        "ParallelStateStarted, "
        "6<-5 FailStateEntered, 7<-6 ParallelStateFailed, 8<-7 ExecutionFailed"
    )


def test_a_retried_parallel_with_a_task_aborts_before_it_starts_again(tmp_path: Path) -> None:
    fake = Scripted(fails("E"), {"x": 1})

    done = play(tmp_path, {"P": branches({"T": task()}, Retry=ONCE)}, integrations={"lambda": fake})

    assert done.chain.startswith(
        "2<-0 ParallelStateEntered, 3<-2 ParallelStateStarted, 4<-3 TaskStateEntered, 5<-4 TaskScheduled, "
        "6<-5 TaskStarted, 7<-6 TaskFailed, 8<-7 TaskStateAborted, 9<-7 ParallelStateStarted, 10<-9 "
        "TaskStateEntered"
    )


def test_a_failed_branch_aborts_siblings_that_wait_or_run_groups(tmp_path: Path) -> None:
    inner = {"M": each({"W2": {"Type": "Wait", "Seconds": 9}}, Items=[1])}
    late = {"L": {"Type": "Wait", "Seconds": 1, "Next": "F"}, "F": {"Type": "Fail"}}

    done = play(tmp_path, {"P": branches(late, {"W": {"Type": "Wait", "Seconds": 9}}, inner)})

    failing = next(e["id"] for e in done.events if e["type"] == "FailStateEntered")
    after = [(e["type"], e["previousEventId"]) for e in done.events if e["id"] > failing]
    assert after == [
        ("WaitStateAborted", failing),
        ("MapStateAborted", failing),
        ("ParallelStateFailed", failing),
        ("ExecutionFailed", failing + 3),
    ]


def test_a_map_of_three_one_at_a_time(tmp_path: Path) -> None:
    """The recorded example of facts/histories.md 1.3."""
    done = play(tmp_path, {"M": each(PASS, Items=["a", "b", "c"], MaxConcurrency=1)})

    assert done.chain == (
        "2<-0 MapStateEntered, 3<-2 MapStateStarted, "
        "4<-3 MapIterationStarted, 5<-4 PassStateEntered, 6<-5 PassStateExited, 7<-6 MapIterationSucceeded, "
        "8<-6 MapIterationStarted, 9<-8 PassStateEntered, 10<-9 PassStateExited, 11<-10 "
        "MapIterationSucceeded, "
        "12<-10 MapIterationStarted, 13<-12 PassStateEntered, 14<-13 PassStateExited, "
        "15<-14 MapIterationSucceeded, 16<-15 MapStateSucceeded, 17<-15 MapStateExited, 18<-17 "
        "ExecutionSucceeded"
    )
    assert done.details("MapStateStarted") == {"length": 3}
    assert [done.details("MapIterationStarted", n) for n in range(3)] == [
        {"name": "M", "index": n} for n in range(3)
    ]
    assert [done.details("PassStateEntered", n)["input"] for n in range(3)] == ['"a"', '"b"', '"c"']
    assert done.output == ["a", "b", "c"]


def test_items_that_start_at_once_all_point_at_map_started(tmp_path: Path) -> None:
    done = play(tmp_path, {"M": each({"W": {"Type": "Wait", "Seconds": 1}}, Items=[1, 2, 3])})

    starts = [e["previousEventId"] for e in done.events if e["type"] == "MapIterationStarted"]
    assert starts == [3, 3, 3]


def test_an_item_that_takes_a_free_slot_points_at_the_last_state_event_of_who_freed_it(
    tmp_path: Path,
) -> None:
    waits = {"W": {"Type": "Wait", "Seconds": "{% $states.input %}"}}

    done = play(tmp_path, {"M": each(waits, Items=[5, 1, 1, 1], MaxConcurrency=2)})

    exits = [e["id"] for e in done.events if e["type"] == "WaitStateExited"]
    starts = [e["previousEventId"] for e in done.events if e["type"] == "MapIterationStarted"]
    assert starts == [3, 3, exits[0], exits[1]]


def test_max_concurrency_is_kept(tmp_path: Path) -> None:
    running, most = 0, 0

    async def work(call: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        return {}

    play(
        tmp_path,
        {"M": each({"T": task()}, Items=list(range(9)), MaxConcurrency=3)},
        integrations={"lambda": Scripted(work)},
    )
    assert most == 3


def test_an_inline_map_runs_at_most_forty_at_once(tmp_path: Path) -> None:
    async def run() -> tuple[int, Finished]:
        gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        fake = Scripted(lambda call: asyncio.shield(gate))
        async with Bench(tmp_path, {"lambda": fake}) as bench:
            arn = bench.start({"M": each({"T": task()}, Items=list(range(50)))})
            await bench.until(lambda: len(fake.calls) >= 40)
            at_once = len(fake.calls)
            gate.set_result({})
            return at_once, await bench.finish(arn)

    at_once, done = asyncio.run(run())
    assert at_once == 40
    assert len(done.output) == 50


def test_no_items_give_an_empty_array_at_once(tmp_path: Path) -> None:
    done = play(tmp_path, {"M": each(PASS, Items=[])})

    assert done.chain == (
        "2<-0 MapStateEntered, 3<-2 MapStateStarted, 4<-3 MapStateSucceeded, 5<-3 MapStateExited, "
        "6<-5 ExecutionSucceeded"
    )
    assert done.output == []


def test_without_items_the_input_must_be_an_array(tmp_path: Path) -> None:
    good = play(tmp_path / "a", {"M": each(PASS)}, "[1, 2]")
    bad = play(tmp_path / "b", {"M": each(PASS)}, '{"a": 1}')

    assert good.output == [1, 2]
    assert bad.types[1:] == ["MapStateEntered", "EvaluationFailed", "MapStateFailed", "ExecutionFailed"]
    assert bad.details("EvaluationFailed") == {
        "error": "States.QueryEvaluationError",
        "cause": "An error occurred while executing the state 'M' (entered at the event id #2). "
        'Map state input must be an array but was: {"a": 1}',
        "state": "M",
    }


@pytest.mark.parametrize("value", ["1", '"text"', "null", "true"])
def test_items_that_are_no_collection_fail_before_the_map_is_started(tmp_path: Path, value: str) -> None:
    done = play(tmp_path, {"M": each(PASS, Items="{% $states.input.v %}")}, f'{{"v":{value}}}')

    assert done.chain == (
        "2<-0 MapStateEntered, 3<-2 EvaluationFailed, 4<-3 MapStateFailed, 5<-4 ExecutionFailed"
    )
    assert done.details("EvaluationFailed")["location"] == "Items"
    assert "Expected 'array', but was '" in done.description["cause"]
    assert done.description["cause"].endswith(f" for value: {value}")


@pytest.mark.parametrize("items", [{"b": 1, "a": {"x": 2}}, "{% $states.input %}"])
def test_a_map_over_an_object_has_its_keys_in_their_order(tmp_path: Path, items: Any) -> None:
    inside = {"X": {"Type": "Pass", "Output": ["{% $states.input %}", "{% $states.context.Map.Item %}"]}}
    selector = {"k": "{% $states.context.Map.Item.Key %}", "v": "{% $states.context.Map.Item.Value %}"}
    text = '{"b": 1, "a": {"x": 2}}'

    plain = play(tmp_path / "plain", {"M": each(inside, Items=items)}, text)
    chosen = play(tmp_path / "chosen", {"M": each(inside, Items=items, ItemSelector=selector)}, text)

    assert plain.details("MapStateStarted") == {"length": 2}
    assert plain.output == [
        [{"Key": "b", "Value": 1}, {"Index": 0, "Key": "b", "Value": 1}],
        [{"Key": "a", "Value": {"x": 2}}, {"Index": 1, "Key": "a", "Value": {"x": 2}}],
    ]
    assert [pair[0] for pair in chosen.output] == [{"k": "b", "v": 1}, {"k": "a", "v": {"x": 2}}]
    assert play(tmp_path / "empty", {"M": each(inside, Items={})}).output == []


def test_item_selector_replaces_the_input_and_sees_index_value_and_the_maps_input(tmp_path: Path) -> None:
    selector = {
        "i": "{% $states.context.Map.Item.Index %}",
        "v": "{% $states.context.Map.Item.Value %}",
        "in": "{% $states.input.k %}",
    }
    inside = {
        "X": {
            "Type": "Pass",
            "Output": {"s": "{% $states.input %}", "c": "{% $states.context.Map.Item.Value %}"},
        }
    }

    done = play(
        tmp_path,
        {"M": each(inside, Items="{% $states.input.l %}", ItemSelector=selector)},
        '{"l":["a","b"],"k":9}',
    )

    assert done.output == [
        {"s": {"i": 0, "v": "a", "in": 9}, "c": "a"},
        {"s": {"i": 1, "v": "b", "in": 9}, "c": "b"},
    ]


def test_an_item_that_fails(tmp_path: Path) -> None:
    done = play(tmp_path, {"M": each({"F": {"Type": "Fail", "Error": "E"}}, Items=[1], Catch=CATCH), **NEXT})

    assert done.chain.startswith(
        "2<-0 MapStateEntered, 3<-2 MapStateStarted, 4<-3 MapIterationStarted, 5<-4 FailStateEntered, "
        "6<-5 MapIterationFailed, 7<-5 MapStateFailed, 8<-7 MapStateExited, 9<-8 PassStateEntered"
    )
    assert done.details("MapIterationFailed") == {"name": "M", "index": 0}


def test_an_item_that_fails_while_others_run_aborts_them_in_order(tmp_path: Path) -> None:
    fake = Scripted(fails("E"), hangs)

    done = play(tmp_path, {"M": each({"T": task()}, Items=[1, 2, 3])}, integrations={"lambda": fake})

    failing = next(e["id"] for e in done.events if e["type"] == "TaskFailed")
    tail = done.events[-8:]
    assert [e["type"] for e in tail] == [
        *("MapIterationFailed", "TaskStateAborted", "MapIterationAborted", "TaskStateAborted"),
        *("MapIterationAborted", "TaskStateAborted", "MapStateFailed", "ExecutionFailed"),
    ]
    assert {e["previousEventId"] for e in tail[:-1]} == {failing}
    assert [done.details("MapIterationAborted", n)["index"] for n in range(2)] == [1, 2]


def test_a_timed_out_item_fails_like_a_failed_one(tmp_path: Path) -> None:
    states = {
        "M": each(
            {"T": task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", TimeoutSeconds=1)}, Items=[1]
        )
    }

    done = play(tmp_path, states, integrations={"sqs": Scripted()})

    assert done.types[-5:] == [
        "TaskTimedOut",
        "MapIterationFailed",
        "TaskStateAborted",
        "MapStateFailed",
        "ExecutionFailed",
    ]


def test_a_map_is_retried_from_the_failing_event(tmp_path: Path) -> None:
    done = play(tmp_path, {"M": each({"F": {"Type": "Fail"}}, Items=[1], Retry=ONCE)})

    assert done.chain == (
        "2<-0 MapStateEntered, 3<-2 MapStateStarted, 4<-3 MapIterationStarted, 5<-4 FailStateEntered, "
        "6<-5 MapIterationFailed, 7<-5 MapStateStarted, 8<-7 MapIterationStarted, 9<-8 FailStateEntered, "
        "10<-9 MapIterationFailed, 11<-9 MapStateFailed, 12<-11 ExecutionFailed"
    )
    assert done.details("MapStateStarted", 1) == {"length": 1}


@pytest.mark.parametrize("field", ["ToleratedFailureCount", "ToleratedFailurePercentage"])
def test_tolerances_are_accepted_inline_and_one_failed_item_still_fails_the_state(
    tmp_path: Path, field: str
) -> None:
    done = play(tmp_path, {"M": each({"F": {"Type": "Fail", "Error": "E"}}, Items=[1], **{field: 50})})

    assert done.description["error"] == "E"


@pytest.mark.parametrize(
    ("field", "value"),
    [("ToleratedFailureCount", -1), ("ToleratedFailurePercentage", 101), ("ToleratedFailureCount", "'x'")],
)
def test_a_tolerance_out_of_bounds_fails_after_the_map_was_started(
    tmp_path: Path, field: str, value: Any
) -> None:
    done = play(tmp_path, {"M": each(PASS, Items=[1], **{field: f"{{% {value} %}}"})})

    assert done.types[1:] == [
        "MapStateEntered",
        "MapStateStarted",
        "EvaluationFailed",
        "MapStateFailed",
        "ExecutionFailed",
    ]
    assert done.details("EvaluationFailed")["location"] == field


def test_max_concurrency_is_evaluated_and_must_be_a_count(tmp_path: Path) -> None:
    good = play(tmp_path / "a", {"M": each(PASS, Items=[1], MaxConcurrency="{% 1 %}")})
    bad = play(tmp_path / "b", {"M": each(PASS, Items=[1], MaxConcurrency="{% 'x' %}")})

    assert good.status == "SUCCEEDED"
    assert bad.types[1:4] == ["MapStateEntered", "EvaluationFailed", "MapStateFailed"]
    assert bad.details("EvaluationFailed")["location"] == "MaxConcurrency"


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_a_runtime_error_inside_ends_the_execution_directly(tmp_path: Path, kind: str) -> None:
    inside = {"C": {"Type": "Choice", "Choices": [{"Condition": False, "Next": "C"}]}}
    state = (
        branches(inside, Catch=CATCH, Retry=ONCE)
        if kind == "Parallel"
        else each(inside, Items=[1], Catch=CATCH)
    )

    done = play(tmp_path, {"G": state, **NEXT})

    assert done.types[-2:] == ["ChoiceStateEntered", "ExecutionFailed"]
    assert done.description["error"] == "States.Runtime"


def test_inner_assignments_stand_on_inner_exits_and_end_with_their_scope(tmp_path: Path) -> None:
    inside = {
        "A": {"Type": "Pass", "Assign": {"inner": 1}, "Next": "B"},
        "B": {"Type": "Pass", "Output": "{% $inner + $outer %}"},
    }
    states = {
        "O": {"Type": "Pass", "Assign": {"outer": 10}, "Next": "M"},
        "M": each(inside, Items=[1], Next="Z"),
        "Z": {"Type": "Pass", "Output": "{% [$outer, $exists($inner)] %}"},
    }

    done = play(tmp_path, states)

    assert done.details("PassStateExited", 1)["assignedVariables"] == {"inner": "1"}
    assert done.details("MapStateExited")["output"] == "[11]"
    assert done.output == [10, False]


def test_branches_do_not_see_each_others_variables(tmp_path: Path) -> None:
    one = {
        "A": {"Type": "Pass", "Assign": {"v": "one"}, "Next": "B"},
        "B": {"Type": "Wait", "Seconds": 2, "Output": "{% $v %}"},
    }
    two = {
        "C": {"Type": "Pass", "Assign": {"v": "two"}, "Next": "D"},
        "D": {"Type": "Wait", "Seconds": 1, "Output": "{% $v %}"},
    }

    assert play(tmp_path, {"P": branches(one, two)}).output == ["one", "two"]


def test_a_catcher_of_a_parallel_assigns_in_the_outer_scope(tmp_path: Path) -> None:
    catch = [
        {"ErrorEquals": ["States.ALL"], "Next": "N", "Assign": {"why": "{% $states.errorOutput.Error %}"}}
    ]
    states = {
        "P": branches({"F": {"Type": "Fail", "Error": "E"}}, Catch=catch),
        "N": {"Type": "Pass", "Output": "{% $why %}"},
    }

    done = play(tmp_path, states)

    assert done.output == "E"
    assert done.details("ParallelStateExited")["assignedVariables"] == {"why": '"E"'}


def test_groups_nest(tmp_path: Path) -> None:
    inner = each({"X": {"Type": "Pass", "Output": "{% $states.input * 2 %}"}}, Items="{% $states.input %}")
    outer = each(
        {"P": branches({"M": inner}, {"Y": {"Type": "Pass", "Output": "y"}})}, Items=[[1, 2], [3, 4]]
    )

    done = play(tmp_path, {"O": outer})

    assert done.output == [[[2, 4], "y"], [[6, 8], "y"]]


def test_a_failure_deep_inside_goes_out_level_by_level(tmp_path: Path) -> None:
    inner = each({"T": task()}, Items=[1])

    done = play(tmp_path, {"P": branches({"M": inner})}, integrations={"lambda": Scripted(fails("E"))})

    assert done.types[-7:] == [
        *("TaskFailed", "MapIterationFailed", "TaskStateAborted", "MapStateFailed", "MapStateAborted"),
        *("ParallelStateFailed", "ExecutionFailed"),
    ]
