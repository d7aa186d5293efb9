"""Histories of single states, fact by fact (facts/histories.md 1 and 4)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.differences import quota
from tests.engine_bench import ROLE, Finished, Scripted, branches, each, fails, play, task

NOT_TRUNCATED = {"truncated": False}


def test_an_execution_of_one_pass_state_has_exactly_these_events(tmp_path: Path) -> None:
    done = play(tmp_path, {"A": {"Type": "Pass"}}, '{"a":1}')

    for event in done.events:
        assert event.pop("timestamp") == 1_750_000_000.0
    assert done.events == [
        {
            "id": 1,
            "previousEventId": 0,
            "type": "ExecutionStarted",
            "executionStartedEventDetails": {
                "input": '{"a":1}',
                "inputDetails": NOT_TRUNCATED,
                "roleArn": ROLE,
            },
        },
        {
            "id": 2,
            "previousEventId": 0,
            "type": "PassStateEntered",
            "stateEnteredEventDetails": {"name": "A", "input": '{"a":1}', "inputDetails": NOT_TRUNCATED},
        },
        {
            "id": 3,
            "previousEventId": 2,
            "type": "PassStateExited",
            "stateExitedEventDetails": {"name": "A", "output": '{"a":1}', "outputDetails": NOT_TRUNCATED},
        },
        {
            "id": 4,
            "previousEventId": 3,
            "type": "ExecutionSucceeded",
            "executionSucceededEventDetails": {"output": '{"a":1}', "outputDetails": NOT_TRUNCATED},
        },
    ]


def test_the_timestamp_is_a_number_with_milliseconds(tmp_path: Path) -> None:
    done = play(tmp_path, {"A": {"Type": "Wait", "Seconds": 2}})

    stamps = [event["timestamp"] for event in done.events]
    assert stamps == [1_750_000_000.0, 1_750_000_000.0, 1_750_000_002.0, 1_750_000_002.0]
    assert all(isinstance(stamp, float) for stamp in stamps)


@pytest.mark.parametrize(
    "text", ['{ "a" :\t1 }', "[1,  2]", '"text"', " 7 ", "null", '{"ü":"\\u00e9"}', '{"a":1.0,"a":2}']
)
def test_the_text_of_an_input_is_kept_by_every_state_that_only_passes_it_on(
    tmp_path: Path, text: str
) -> None:
    done = play(
        tmp_path,
        {
            "A": {"Type": "Pass", "Next": "W"},
            "W": {"Type": "Wait", "Seconds": 0, "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Condition": False, "Next": "Z"}], "Default": "Z"},
            "Z": {"Type": "Succeed"},
        },
        text,
    )

    assert done.details("ExecutionStarted")["input"] == text
    assert [
        done.details(f"{kind}StateEntered")["input"] for kind in ("Pass", "Wait", "Choice", "Succeed")
    ] == [text] * 4
    assert done.details("ExecutionSucceeded")["output"] == text
    assert done.description["output"] == text


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"a": [1, {"b": None}]}, '{"a":[1,{"b":null}]}'),
        ("text", '"text"'),
        (7, "7"),
        (None, "null"),
        ({}, "{}"),
        ([], "[]"),
        (True, "true"),
        (0.1, "0.1"),
        ("{% 5.0 %}", "5"),
        ("{% 'ü' %}", '"ü"'),
    ],
)
def test_evaluated_values_are_compact_json_text(tmp_path: Path, output: Any, text: str) -> None:
    done = play(tmp_path, {"A": {"Type": "Pass", "Output": output}}, '{"x": 1}')

    assert done.details("PassStateExited")["output"] == text
    assert done.details("ExecutionSucceeded")["output"] == text


def test_a_state_points_at_the_exit_of_the_state_before(tmp_path: Path) -> None:
    done = play(
        tmp_path,
        {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Wait", "Seconds": 1, "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Condition": True, "Next": "D"}]},
            "D": {"Type": "Succeed"},
        },
    )

    assert done.chain == (
        "2<-0 PassStateEntered, 3<-2 PassStateExited, 4<-3 WaitStateEntered, 5<-4 WaitStateExited, "
        "6<-5 ChoiceStateEntered, 7<-6 ChoiceStateExited, 8<-7 SucceedStateEntered, 9<-8 SucceedStateExited, "
        "10<-9 ExecutionSucceeded"
    )


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ({}, {}),
        ({"Error": "E"}, {"error": "E"}),
        ({"Cause": "c"}, {"cause": "c"}),
        ({"Error": "E", "Cause": "c"}, {"error": "E", "cause": "c"}),
        (
            {"Error": "{% 'E' & $states.input.n %}", "Cause": "{% $string({'a':1}) %}"},
            {"error": "E1", "cause": '{"a":1}'},
        ),
    ],
)
def test_fail_has_no_exit_and_only_the_details_that_exist(
    tmp_path: Path, fields: dict[str, str], details: dict[str, str]
) -> None:
    done = play(tmp_path, {"F": {"Type": "Fail", **fields}}, '{"n":1}')

    assert done.chain == "2<-0 FailStateEntered, 3<-2 ExecutionFailed"
    assert done.events[-1]["executionFailedEventDetails"] == details
    assert {k: v for k, v in done.description.items() if k in ("error", "cause")} == details


def test_absent_values_are_absent_keys_and_never_null(tmp_path: Path) -> None:
    done = play(
        tmp_path,
        {
            "T": task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "P"}], Next="P"),
            "P": branches({"B": {"Type": "Pass", "Output": 1}}, Next="M"),
            "M": each({"I": {"Type": "Pass"}}, Items=[1]),
        },
        integrations={"lambda": Scripted(fails(None))},
    )

    def values(node: Any) -> list[Any]:
        if isinstance(node, dict):
            return [item for value in node.values() for item in values(value)]
        return (
            [item for each_item in node for item in values(each_item)] if isinstance(node, list) else [node]
        )

    assert None not in values(done.events)
    assert done.details("TaskFailed") == {"resourceType": "lambda", "resource": "invoke"}


def test_events_without_details_have_no_details_key(tmp_path: Path) -> None:
    states = {
        "P": branches(
            {"M": each({"T": task("arn:aws:lambda:us-east-1:0:function:F")}, Items=[1])},
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Q"}],
        ),
        "Q": branches({"N": each({"I": {"Type": "Pass"}}, Items=[1])}),
    }

    done = play(tmp_path, states, integrations={"lambda": Scripted(fails("E"))})

    bare = {e["type"] for e in done.events if not any(key.endswith("EventDetails") for key in e)}
    assert bare == {
        *("ParallelStateStarted", "ParallelStateSucceeded", "ParallelStateFailed", "MapStateSucceeded"),
        *("MapStateFailed", "MapStateAborted", "TaskStateAborted", "LambdaFunctionStarted"),
    }


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("PassStateEntered", "stateEnteredEventDetails"),
        ("MapStateExited", "stateExitedEventDetails"),
        ("MapStateStarted", "mapStateStartedEventDetails"),
        ("MapIterationStarted", "mapIterationStartedEventDetails"),
        ("MapIterationSucceeded", "mapIterationSucceededEventDetails"),
        ("TaskScheduled", "taskScheduledEventDetails"),
        ("TaskStarted", "taskStartedEventDetails"),
        ("TaskSucceeded", "taskSucceededEventDetails"),
    ],
)
def test_details_stand_under_their_own_key(tmp_path: Path, kind: str, key: str) -> None:
    states = {"M": each({"P": {"Type": "Pass", "Next": "T"}, "T": task()}, Items=[1])}

    done = play(tmp_path, states, integrations={"lambda": Scripted()})

    event = next(event for event in done.events if event["type"] == kind)
    assert [name for name in event if name.endswith("EventDetails")] == [key]


ASSIGNING: list[tuple[str, dict[str, Any]]] = [
    ("Pass", {"Type": "Pass", "Assign": {"x": 1}}),
    ("Wait", {"Type": "Wait", "Seconds": 0, "Assign": {"x": 1}}),
    ("Task", task(Assign={"x": 1})),
    ("Parallel", branches({"B": {"Type": "Pass"}}, Assign={"x": 1})),
    ("Map", each({"I": {"Type": "Pass"}}, Items=[1], Assign={"x": 1})),
]


@pytest.mark.parametrize(("kind", "state"), ASSIGNING, ids=[kind for kind, _ in ASSIGNING])
def test_assigned_variables_stand_on_the_exit_as_json_text(
    tmp_path: Path, kind: str, state: dict[str, Any]
) -> None:
    done = play(tmp_path, {"S": state}, integrations={"lambda": Scripted()})

    details = done.details(f"{kind}StateExited")
    assert details["assignedVariables"] == {"x": "1"}
    assert details["assignedVariablesDetails"] == NOT_TRUNCATED


def test_choice_writes_only_the_assignments_of_the_rule_it_took(tmp_path: Path) -> None:
    choice = {
        "Type": "Choice",
        "Choices": [
            {"Condition": "{% false %}", "Next": "Z", "Assign": {"a": 0}},
            {"Condition": "{% true %}", "Next": "Z", "Assign": {"b": "v"}, "Output": "out"},
        ],
        "Default": "Z",
        "Assign": {"c": 2},
        "Output": "default",
    }

    done = play(tmp_path, {"C": choice, "Z": {"Type": "Pass", "Output": "{% $b %}"}})

    exited = done.details("ChoiceStateExited")
    assert exited["assignedVariables"] == {"b": '"v"'}
    assert exited["output"] == '"out"'
    assert done.output == "v"


def test_choice_uses_its_own_output_and_assign_on_the_default_path(tmp_path: Path) -> None:
    choice = {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.n > 5 %}", "Next": "Z", "Output": "big"}],
        "Default": "Z",
        "Assign": {"c": "{% $states.input.n %}"},
        "Output": {"was": "{% $states.input.n %}"},
    }

    done = play(
        tmp_path,
        {"C": choice, "Z": {"Type": "Succeed", "Output": "{% [$states.input.was, $c] %}"}},
        '{"n":2}',
    )

    assert done.output == [2, 2]


def test_variables_not_assigned_leave_no_key(tmp_path: Path) -> None:
    done = play(tmp_path, {"A": {"Type": "Pass", "Assign": {}}})

    assert "assignedVariables" not in done.details("PassStateExited")
    assert "assignedVariablesDetails" not in done.details("PassStateExited")


@pytest.mark.parametrize(
    ("fields", "waited"),
    [
        ({"Seconds": 0}, 0),
        ({"Seconds": 90}, 90),
        ({"Seconds": "{% $states.input.n * 2 %}"}, 20),
        ({"Timestamp": "2025-06-15T15:06:50Z"}, 10),
        ({"Timestamp": "2025-06-15T17:06:50.000000001+02:00"}, 10),
        ({"Timestamp": "{% $states.input.when %}"}, 10),
        ({"Timestamp": "2001-01-01T00:00:00Z"}, 0),
    ],
)
def test_wait_writes_nothing_while_it_waits(tmp_path: Path, fields: dict[str, Any], waited: float) -> None:
    done = play(tmp_path, {"W": {"Type": "Wait", **fields}}, '{"n":10,"when":"2025-06-15T15:06:50Z"}')

    assert done.chain == "2<-0 WaitStateEntered, 3<-2 WaitStateExited, 4<-3 ExecutionSucceeded"
    assert done.events[2]["timestamp"] - done.events[1]["timestamp"] == pytest.approx(waited, abs=0.002)


def _ended(tmp_path: Path, **fields: Any) -> Finished:
    return play(tmp_path, {"W": {"Type": "Wait", "Seconds": 100}}, **fields)


def test_the_machines_timeout_ends_the_execution_as_timed_out(tmp_path: Path) -> None:
    done = _ended(tmp_path, TimeoutSeconds=30)

    assert done.chain == "2<-0 WaitStateEntered, 3<-0 ExecutionTimedOut"
    assert done.details("ExecutionTimedOut") == {"error": "States.Timeout"}
    assert done.status == "TIMED_OUT"
    assert done.description["stopDate"] - done.description["startDate"] == 30
    assert "error" not in done.description
    assert "cause" not in done.description


def test_the_machines_timeout_cannot_be_caught(tmp_path: Path) -> None:
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]
    states = {"P": branches({"W": {"Type": "Wait", "Seconds": 100}}, Catch=caught), "Z": {"Type": "Pass"}}

    done = play(tmp_path, states, TimeoutSeconds=30)

    assert done.types[-1] == "ExecutionTimedOut"
    assert "ParallelStateFailed" not in done.types


def test_choice_without_match_and_default_is_a_runtime_error(tmp_path: Path) -> None:
    states = {
        "C": {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "Z"}]},
        "Z": {"Type": "Pass"},
    }

    done = play(tmp_path, states)

    assert done.chain == "2<-0 ChoiceStateEntered, 3<-2 ExecutionFailed"
    assert done.details("ExecutionFailed") == {
        "error": "States.Runtime",
        "cause": "An error occurred while executing the state 'C' (entered at the event id #2). "
        "Failed to transition out of the state. The state does not point to a next state.",
    }


@quota("events of an execution's history", "25,000")
def test_a_history_holds_at_most_25_000_events(tmp_path: Path) -> None:
    states = {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Condition": True, "Next": "A"}], "Default": "Z"},
        "Z": {"Type": "Succeed"},
    }

    done = play(tmp_path, states)

    assert len(done.events) == 25_000
    assert done.details("ExecutionFailed") == {
        "error": "States.Runtime",
        "cause": "The execution reached the maximum number of history events (25000).",
    }
    assert done.description["redriveStatusReason"] == "Execution history event limit exceeded."


def test_a_history_that_fills_inside_a_map_ends_the_execution_too(tmp_path: Path) -> None:
    loop = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    states = {
        "M": each(loop, Items=[1, 2], Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Z"}]),
        "Z": {"Type": "Pass"},
    }

    done = play(tmp_path, states)

    assert len(done.events) == 25_000
    assert done.types[-1] == "ExecutionFailed"


def test_lone_surrogates_in_values_stay_escaped_instead_of_breaking_the_journal(tmp_path: Path) -> None:
    done = play(
        tmp_path, {"A": {"Type": "Pass", "Output": {"got": "{% $states.input.s %}"}}}, '{"s":"\\ud800"}'
    )

    assert done.description["output"] == '{"got":"\\ud800"}'
    assert json.loads(done.description["output"]) == {"got": "\ud800"}
