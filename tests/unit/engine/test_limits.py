"""AWS's limits: what is just within them runs, what is beyond fails as on AWS (facts/histories.md 4.3)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.differences import quota
from tests.engine_bench import (
    FUNCTION_ARN,
    Bench,
    Finished,
    Scripted,
    branches,
    each,
    hangs,
    machine_of,
    play,
    task,
)

from stepherd.engine.api.errors import ApiError
from stepherd.engine.asl.loading import load, problems_of
from stepherd.engine.asl.values import MAX_BYTES

N = {"N": {"Type": "Pass"}}
FITS = "x" * (MAX_BYTES - 2)
"""With its quotation marks it is as long as may be."""
LONG = f"{{% $pad('', {MAX_BYTES}, 'x') %}}"
CAUSE = "a result with a size exceeding the maximum number of bytes service limit."


def _text(length: int) -> str:
    return f"{{% $pad('', {length}, 'x') %}}"


def _failed(done: Finished) -> None:
    assert done.status == "FAILED"
    assert done.description["error"] == "States.DataLimitExceeded"
    assert done.description["cause"].endswith(CAUSE)


@quota("variable, and all variables of one Assign", "256 KiB")
@pytest.mark.parametrize("states", [
    {"S": {"Type": "Pass", "Output": 1, "Assign": {"a": _text(MAX_BYTES - 2)}}},
    {"S": {"Type": "Pass", "Output": 1, "Assign": {"a": _text(MAX_BYTES - 5), "b": 123}}},
    {"S": task(Output=1, Assign={"a": "{% '" + "é" * (MAX_BYTES // 2 - 1) + "' %}"})},
    {"S": {"Type": "Choice", "Choices": [
        {"Condition": True, "Next": "E", "Output": 1, "Assign": {"a": _text(MAX_BYTES - 2)}}]},
     "E": {"Type": "Succeed"}},
])  # fmt: skip
def test_an_assign_has_its_limit(tmp_path: Path, states: dict[str, Any]) -> None:
    assert play(tmp_path / "fits", states, integrations={"lambda": Scripted(1)}).output == 1

    text = json.dumps(states, ensure_ascii=False)
    for fits, over in ((f"{MAX_BYTES - 2},", f"{MAX_BYTES - 1},"), ("123}", "1234}"), ("éé", "éxé")):
        text = text.replace(fits, over, 1)
    done = play(tmp_path / "over", json.loads(text), integrations={"lambda": Scripted(1)})
    _failed(done)
    assert not [event for event in done.events if "assignedVariables" in str(event)]


@quota("all variables of an execution", "10 MiB")
def test_the_variables_of_an_execution_have_their_limit(tmp_path: Path) -> None:
    """40 of 256 KiB are 10 MiB; of those that are replaced, or whose branch has ended, the new ones count."""

    def chain(count: int, prefix: str = "") -> dict[str, Any]:
        names = [f"{prefix}{number}" for number in range(count)]
        return {
            f"S{name}": {"Type": "Pass", "Output": 1, "Assign": {f"v{name}": _text(MAX_BYTES - 2)},
                         **({"Next": f"S{following}"} if following else {})}
            for name, following in zip(names, [*names[1:], None], strict=True)
        }  # fmt: skip

    inside = chain(10, "b")
    inner = {"P": branches(inside, Output=1, Next="S0")} | chain(40)
    assert play(tmp_path / "fits", inner).output == 1
    again = {"S39": {**inner["S39"], "Next": "A"}, "A": {"Type": "Pass", "Output": 2, "Assign": {"v0": FITS}}}
    assert play(tmp_path / "again", {**inner, **again}).output == 2
    one_more = {"S39": {**inner["S39"], "Next": "A"}, "A": {"Type": "Pass", "Assign": {"w": 1}}}
    _failed(play(tmp_path / "over", {**inner, **one_more}))
    crowded = {**{name: {**state, "Next": state.get("Next", "P")} for name, state in chain(31).items()},
               "P": branches(inside, Output=1)}  # fmt: skip
    _failed(play(tmp_path / "branch", crowded))


@quota("arguments of a task, and of a Parallel", "256 KiB")
@pytest.mark.parametrize("resource", ["arn:aws:states:::lambda:invoke", FUNCTION_ARN])
def test_arguments_have_their_limit(tmp_path: Path, resource: str) -> None:
    def states(length: int) -> dict[str, Any]:
        return {"T": {**task(resource, Output=1), "Arguments": {"a": _text(length)}}}

    around = len('{"a":""}')
    fake = Scripted(1)
    assert play(tmp_path / "fits", states(MAX_BYTES - around), integrations={"lambda": fake}).output == 1
    done = play(tmp_path / "over", states(MAX_BYTES - around + 1), integrations={"lambda": fake})
    _failed(done)
    assert done.chain == "2<-0 TaskStateEntered, 3<-2 ExecutionFailed"
    assert len(fake.calls) == 1


def test_arguments_of_a_parallel_have_their_limit(tmp_path: Path) -> None:
    assert play(tmp_path / "fits", {"P": branches(N, Arguments=_text(MAX_BYTES - 2), Output=1)}).output == 1
    done = play(tmp_path / "over", {"P": branches(N, Arguments=_text(MAX_BYTES - 1), Output=1)})
    _failed(done)
    assert done.types == [
        "ExecutionStarted",
        "ParallelStateEntered",
        "ParallelStateFailed",
        "ExecutionFailed",
    ]


@quota("ItemSelector of a Map, for each item", "256 KiB")
def test_an_item_selector_has_its_limit(tmp_path: Path) -> None:
    inside = {"N": {"Type": "Pass", "Output": 1}}

    def states(length: int) -> dict[str, Any]:
        return {"M": each(inside, Items=[1, 2], ItemSelector=_text(length))}

    assert play(tmp_path / "fits", states(MAX_BYTES - 2)).output == [1, 1]
    _failed(play(tmp_path / "over", states(MAX_BYTES - 1)))


@pytest.mark.parametrize("state", [
    {**task(), "Arguments": {"a": LONG}}, task(Assign={"a": LONG}),
    branches(N, Arguments=LONG), branches(N, Assign={"a": LONG}),
    each(N, Items=[1], ItemSelector=LONG), each(N, Items=[1], Assign={"a": LONG}),
])  # fmt: skip
def test_what_is_too_large_is_caught_by_its_name(tmp_path: Path, state: dict[str, Any]) -> None:
    catch = [
        {
            "ErrorEquals": ["States.DataLimitExceeded"],
            "Next": "E",
            "Output": "{% $states.errorOutput.Error %}",
        }
    ]
    states = {"S": {**state, "Catch": catch, "Next": "E"}, "E": {"Type": "Succeed"}}

    done = play(tmp_path, states, integrations={"lambda": Scripted(1)})

    assert done.output == "States.DataLimitExceeded"


@quota("output of a state or task, input of an execution", "256 KiB")
@pytest.mark.parametrize("length", [MAX_BYTES - 2, MAX_BYTES - 1])
def test_inputs_and_outputs_have_their_limit(tmp_path: Path, length: int) -> None:
    fits = length == MAX_BYTES - 2
    done = play(tmp_path / "output", {"S": {"Type": "Pass", "Output": _text(length)}})
    assert (done.status == "SUCCEEDED") == fits
    done = play(tmp_path / "result", {"S": task(Output=1)}, integrations={"lambda": Scripted("x" * length)})
    assert (done.status == "SUCCEEDED") == fits

    def start() -> str:
        return play(tmp_path / "input", {"S": {"Type": "Pass", "Output": 1}}, f'"{"x" * length}"').status

    if fits:
        assert start() == "SUCCEEDED"
    else:
        with pytest.raises(ApiError, match="less than or equal to 262144"):
            start()


@quota("Wait", "99,999,999 seconds")
@pytest.mark.parametrize(("wait", "waits"), [
    ({"Seconds": "{% 99999999 %}"}, True), ({"Seconds": "{% 100000000 %}"}, False),
    ({"Timestamp": "2028-08-15T00:00:00Z"}, True), ({"Timestamp": "2028-08-17T00:00:00Z"}, False),
    ({"Timestamp": "9999-12-31T23:59:59Z"}, False), ({"Timestamp": "{% '2028-08-17T00:00:00Z' %}"}, False),
])  # fmt: skip
def test_a_wait_has_its_limit(tmp_path: Path, wait: dict[str, Any], waits: bool) -> None:
    done = play(tmp_path, {"W": {"Type": "Wait", **wait}})

    assert done.status == ("SUCCEEDED" if waits else "FAILED")
    if not waits:
        assert done.description["error"] == "States.Runtime"
        assert "waits for at most 99999999 seconds" in done.description["cause"]
        assert done.chain == "2<-0 WaitStateEntered, 3<-2 ExecutionFailed"


@quota("TimeoutSeconds and HeartbeatSeconds", "99,999,999 seconds")
@pytest.mark.parametrize("field", ["TimeoutSeconds", "HeartbeatSeconds"])
def test_timeouts_have_their_limit(tmp_path: Path, field: str) -> None:
    for value, fits in ((99_999_999, True), (100_000_000, False)):
        assert (problems_of(json.dumps(machine_of({"T": task(**{field: value})}))) == []) == fits
        states = {"T": task(Output=1, **{field: f"{{% {value} %}}"})}
        done = play(tmp_path / str(value), states, integrations={"lambda": Scripted(1)})
        assert (done.status == "SUCCEEDED") == fits
    assert problems_of(json.dumps(machine_of(N, TimeoutSeconds=100_000_000)))


@quota("definition of a state machine", "1 MiB of characters")
def test_a_definition_has_its_limit() -> None:
    def definition(length: int) -> str:
        text = json.dumps(machine_of(N, Comment=""))
        return text.replace('"Comment": ""', f'"Comment": "{"x" * (length - len(text))}"')

    assert problems_of(definition(1_048_576)) == []
    (problem,) = problems_of(definition(1_048_577))
    assert str(problem).endswith("A definition has at most 1048576 characters, this one has 1048577 at /")
    assert load(definition(1_048_577), accepted=True).body.start_at == "N"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_definition_holds_only_numbers_of_json(number: str) -> None:
    text = json.dumps(machine_of({"A": {"Type": "Pass", "Output": {"a": "N"}}})).replace('"N"', number)

    (problem,) = problems_of(text)

    assert problem.code == "INVALID_JSON_DESCRIPTION"


@quota("names of state machines and executions", "80 characters, without white space and special ones")
def test_names_have_their_limit(tmp_path: Path) -> None:
    async def run() -> None:
        async with Bench(tmp_path) as bench:
            arn = bench.machine(N)
            bench.call("StartExecution", stateMachineArn=arn, name="n" * 80)
            for name in ("n" * 81, "", "a b", "a*", "a\u0085"):
                with pytest.raises(ApiError) as caught:
                    bench.call("StartExecution", stateMachineArn=arn, name=name)
                assert caught.value.code == "InvalidName"

    asyncio.run(run())


@quota("names of states and variables", "80 characters")
def test_names_of_states_and_variables_have_their_limit() -> None:
    for length, fits in ((80, True), (81, False)):
        assert (problems_of(json.dumps(machine_of({"n" * length: {"Type": "Pass"}}))) == []) == fits
        state = {"Type": "Pass", "Assign": {"v" * length: 1}}
        assert (problems_of(json.dumps(machine_of({"S": state}))) == []) == fits


@quota("error and cause", "256 and 32,768 characters")
def test_errors_and_causes_are_cut(tmp_path: Path) -> None:
    state = {"Type": "Fail", "Error": "E" * 300, "Cause": "c" * 40_000}

    done = play(tmp_path, {"F": state})

    assert done.details("ExecutionFailed") == {"error": "E" * 256, "cause": "c" * 32_768}
    assert (len(done.description["error"]), len(done.description["cause"])) == (256, 32_768)


@quota("iterations of an inline Map at the same time", "40")
def test_an_inline_map_runs_forty_at_once(tmp_path: Path) -> None:
    async def run() -> int:
        fake = Scripted(hangs)
        async with Bench(tmp_path, {"lambda": fake}) as bench:
            bench.start({"M": each({"T": task()}, Items=list(range(50)), MaxConcurrency=50)})
            await bench.until(lambda: len(fake.calls) >= 40)
            for _ in range(100):
                await asyncio.sleep(0)
            return len(fake.calls)

    assert asyncio.run(run()) == 40


@quota("fields of Retry", "99,999,999 attempts and seconds, MaxDelaySeconds 31,622,400, BackoffRate from 1")
@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("MaxAttempts", 99_999_999, 100_000_000),
        ("IntervalSeconds", 99_999_999, 100_000_000),
        ("MaxDelaySeconds", 31_622_400, 31_622_401),
        ("BackoffRate", 1.0, 0.99),
    ],
)
def test_the_fields_of_a_retrier_have_their_limits(field: str, good: float, bad: float) -> None:
    for value, fits in ((good, True), (bad, False)):
        states = {"T": task(Retry=[{"ErrorEquals": ["E"], field: value}])}
        assert (problems_of(json.dumps(machine_of(states))) == []) == fits
