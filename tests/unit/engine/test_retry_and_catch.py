"""Which failures are tried again, when, and which catcher takes them (facts/histories.md 3)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine_bench import Finished, Scripted, branches, fails, play, task

from stepherd.engine.asl.definition import Retrier
from stepherd.engine.interpreter.failures import StateFailed
from stepherd.engine.interpreter.retry import RetryBudget, pause_before

N = {"N": {"Type": "Pass"}}


def _pauses(tmp_path: Path, retry: list[dict[str, Any]], *answers: Any) -> tuple[list[float], Finished]:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "N"}]
    fake = Scripted(*answers)
    done = play(tmp_path, {"T": task(Retry=retry, Catch=catch), **N}, integrations={"lambda": fake})
    stamps = [e["timestamp"] for e in done.events if e["type"] == "TaskScheduled"]
    return [round(b - a, 3) for a, b in itertools.pairwise(stamps)], done


@pytest.mark.parametrize(
    ("retrier", "pauses"),
    [
        ({}, [1, 2, 4]),
        ({"MaxAttempts": 5}, [1, 2, 4, 8, 16]),
        ({"IntervalSeconds": 3, "MaxDelaySeconds": 5}, [3, 5, 5]),
        ({"BackoffRate": 1.0, "IntervalSeconds": 2}, [2, 2, 2]),
        ({"BackoffRate": 1.5, "MaxAttempts": 2}, [1, 1.5]),
        ({"MaxAttempts": 0}, []),
        ({"MaxAttempts": 1, "JitterStrategy": "NONE"}, [1]),
    ],
)
def test_pauses_grow_by_the_rate_up_to_the_cap(
    tmp_path: Path, retrier: dict[str, Any], pauses: list[float]
) -> None:
    assert _pauses(tmp_path, [{"ErrorEquals": ["States.ALL"], **retrier}], fails("E"))[0] == pauses


@given(
    st.integers(1, 100),
    st.floats(1, 10),
    st.integers(1, 400),
    st.one_of(st.none(), st.integers(1, 100)),
    st.text(),
)
def test_full_jitter_is_between_zero_and_the_capped_pause(
    interval: int, rate: float, attempt: int, cap: int | None, seed: str
) -> None:
    plain = pause_before(Retrier(("E",), interval, 3, rate, cap), attempt, seed)
    jittered = pause_before(Retrier(("E",), interval, 3, rate, cap, full_jitter=True), attempt, seed)

    assert 0 <= jittered <= plain <= (cap or 31_622_400)
    assert jittered == pause_before(Retrier(("E",), interval, 3, rate, cap, full_jitter=True), attempt, seed)


def test_each_retrier_counts_alone_and_a_spent_one_does_not_fall_to_a_later_one(tmp_path: Path) -> None:
    """The example of the AWS guide: errors A, B, C, B."""
    retry = [
        {"ErrorEquals": ["A", "B"], "IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 2},
        {"ErrorEquals": ["C"], "IntervalSeconds": 5},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 9},
    ]

    pauses, done = _pauses(tmp_path, retry, fails("A"), fails("B"), fails("C"), fails("B"))

    assert pauses == [1, 2, 5]
    assert done.output == {"Error": "B", "Cause": None}


def test_leaving_the_state_resets_the_counters(tmp_path: Path) -> None:
    again = {
        "T": task(
            Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 1}],
            Next="C",
            Assign={"n": "{% $n + 1 %}"},
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "C", "Assign": {"n": "{% $n + 1 %}"}}],
        ),
        "C": {"Type": "Choice", "Choices": [{"Condition": "{% $n < 2 %}", "Next": "T"}], "Default": "N"},
        **N,
    }
    fake = Scripted(fails("E"))

    play(
        tmp_path,
        {"A": {"Type": "Pass", "Assign": {"n": 0}, "Next": "T"}, **again},
        integrations={"lambda": fake},
    )

    assert len(fake.calls) == 4


def test_an_empty_retry_is_legal(tmp_path: Path) -> None:
    assert _pauses(tmp_path, [], fails("E"))[0] == []


def _failure(error: str | None, *, missed: bool = False) -> StateFailed:
    return StateFailed(error, None, 1, missed_heartbeat=missed)


@pytest.mark.parametrize(
    ("names", "failure", "matches"),
    [
        (("E",), _failure("E"), True),
        (("e",), _failure("E"), False),
        (("E",), _failure("E.x"), False),
        (("A", "E"), _failure("E"), True),
        (("States.ALL",), _failure("E"), True),
        (("States.ALL",), _failure(None), True),
        (("States.ALL",), _failure("States.Timeout"), True),
        (("States.ALL",), _failure("States.DataLimitExceeded"), True),
        (("States.TaskFailed",), _failure("Exception"), True),
        (("States.TaskFailed",), _failure("States.Timeout"), False),
        (("States.Timeout",), _failure("States.Timeout"), True),
        (("States.Timeout",), _failure("States.Timeout", missed=True), True),
        (("States.HeartbeatTimeout",), _failure("States.Timeout", missed=True), True),
        (("States.HeartbeatTimeout",), _failure("States.Timeout"), False),
        (("States.QueryEvaluationError",), _failure("States.QueryEvaluationError"), True),
        (("States.DataLimitExceeded",), _failure("States.DataLimitExceeded"), True),
    ],
)
def test_names_match_as_documented(names: tuple[str, ...], failure: StateFailed, matches: bool) -> None:
    assert failure.matches(names) is matches


def test_a_spent_retrier_gives_no_pause() -> None:
    budget = RetryBudget((Retrier(("E",), max_attempts=1), Retrier(("States.ALL",))))

    assert budget.pause(_failure("E"), "") == 1
    assert budget.pause(_failure("E"), "") is None
    assert budget.pause(_failure("F"), "") == 1


def test_the_first_catcher_that_matches_takes_the_failure(tmp_path: Path) -> None:
    catch = [
        {"ErrorEquals": ["X"], "Next": "N", "Output": "x"},
        {"ErrorEquals": ["E"], "Next": "N", "Output": "first"},
        {"ErrorEquals": ["States.ALL"], "Next": "N", "Output": "last"},
    ]

    done = play(tmp_path, {"T": task(Catch=catch), **N}, integrations={"lambda": Scripted(fails("E"))})

    assert done.output == "first"


def test_a_catcher_sees_input_error_context_and_variables_and_the_states_own_fields_are_not_evaluated(
    tmp_path: Path,
) -> None:
    catch = [
        {
            "ErrorEquals": ["E"],
            "Next": "N",
            "Output": {
                "in": "{% $states.input %}",
                "err": "{% $states.errorOutput %}",
                "state": "{% $states.context.State.Name %}",
                "v": "{% $v %}",
            },
            "Assign": {"v": "{% $v + 1 %}"},
        }
    ]
    states = {
        "A": {"Type": "Pass", "Assign": {"v": 1}, "Next": "T"},
        "T": task(Catch=catch, Output="{% $never %}", Assign={"never": "{% $never %}"}, Next="N"),
        "N": {"Type": "Pass", "Output": {"was": "{% $states.input %}", "v": "{% $v %}"}},
    }

    done = play(tmp_path, states, '{"i":1}', integrations={"lambda": Scripted(fails("E", '{"j":1}'))})

    assert done.output == {
        "was": {"in": {"i": 1}, "err": {"Error": "E", "Cause": '{"j":1}'}, "state": "T", "v": 1},
        "v": 2,
    }
    assert done.details("TaskStateExited")["assignedVariables"] == {"v": "2"}


def test_a_cause_that_is_json_stays_text_until_it_is_parsed(tmp_path: Path) -> None:
    catch = [{"ErrorEquals": ["E"], "Next": "N", "Output": "{% $parse($states.errorOutput.Cause).j %}"}]

    done = play(
        tmp_path, {"T": task(Catch=catch), **N}, integrations={"lambda": Scripted(fails("E", '{"j":7}'))}
    )

    assert done.output == 7


def test_an_expression_that_fails_in_a_catcher_fails_the_state(tmp_path: Path) -> None:
    catch = [
        {"ErrorEquals": ["X"], "Next": "N"},
        {"ErrorEquals": ["States.ALL"], "Next": "N", "Output": {"v": "{% $missing %}"}},
    ]

    done = play(tmp_path, {"T": task(Catch=catch), **N}, integrations={"lambda": Scripted(fails("E"))})

    assert done.types[-3:] == ["TaskFailed", "EvaluationFailed", "ExecutionFailed"]
    assert done.details("EvaluationFailed")["location"] == "Catch[1]/Output/v"


@pytest.mark.parametrize("field", ["Arguments", "Output"])
def test_an_evaluation_error_can_be_retried_and_caught(tmp_path: Path, field: str) -> None:
    state = task(
        Retry=[{"ErrorEquals": ["States.QueryEvaluationError"], "MaxAttempts": 2}],
        Catch=[{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "N", "Output": "caught"}],
    )
    state[field] = {"v": "{% $missing %}"}

    done = play(tmp_path, {"T": state, **N}, integrations={"lambda": Scripted()})

    assert done.output == "caught"
    assert done.types.count("EvaluationFailed") == 3, "one per attempt"


def test_a_runtime_error_is_neither_retried_nor_caught_even_when_named(tmp_path: Path) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Retry": [{"ErrorEquals": ["States.Runtime"]}],
        "Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "N"}],
    }

    done = play(tmp_path, {"T": state, **N}, "7", integrations={"lambda": Scripted()})

    assert done.types[-2:] == ["TaskStateEntered", "ExecutionFailed"]


def test_a_catcher_assigns_in_the_scope_around_and_the_branch_in_its_own(tmp_path: Path) -> None:
    """One name in both: each has its own value, and that of the branch ends with it."""
    inside = {
        "Set": {"Type": "Pass", "Assign": {"v": "inner"}, "Next": "Fail"},
        "Fail": {"Type": "Fail", "Error": "{% 'E-' & $v %}"},
    }
    catch = [
        {
            "ErrorEquals": ["States.ALL"],
            "Next": "Seen",
            "Assign": {"v": "outer", "e": "{% $states.errorOutput.Error %}"},
        }
    ]
    seen = {"Seen": {"Type": "Pass", "Output": ["{% $v %}", "{% $e %}"]}}

    done = play(tmp_path, {"P": branches(inside, Catch=catch, Next="Seen"), **seen})

    assert done.output == ["outer", "E-inner"]
