"""An engine bounds all that it takes in: depth, results together, turns. Nothing keeps it from opening."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.differences import differs
from tests.engine_bench import Bench, Finished, branches, each, machine_of, play

from stepherd.engine.api.errors import ApiError
from stepherd.engine.asl import turns
from stepherd.engine.asl.loading import problems_of
from stepherd.engine.asl.turns import Turn
from stepherd.engine.asl.values import MAX_DEPTH, parse, too_deep
from stepherd.engine.identity import JOURNAL
from stepherd.engine.interpreter import parallel

WAIT = {"W": {"Type": "Wait", "Seconds": 1000}}
DEPTHS = [*range(498, 503), 700, *range(950, 990, 4), 5_000]
JSON = st.recursive(
    st.none() | st.integers() | st.text('[]{}"\\a', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _below(frames: int, call: Callable[[], Any]) -> Any:
    """Make a call with so many more of Python's frames around it."""
    return call() if frames == 0 else _below(frames - 1, call)


@given(JSON)
def test_the_depth_of_text_is_that_of_its_value(value: Any) -> None:
    for space in (None, 2):
        text = json.dumps(value, indent=space)
        assert [too_deep(text, limit) for limit in range(5)] == [_depth(value) > limit for limit in range(5)]


@pytest.mark.parametrize("depth", DEPTHS)
def test_what_is_read_once_is_read_always(depth: int) -> None:
    """However deep the engine's own calls are, here or in the engine that takes over."""

    def read() -> bool:
        try:
            return parse(_nested(depth)) is not None
        except ValueError:
            return False

    assert {_below(frames, read) for frames in (0, 100, 200, 300)} == {depth <= MAX_DEPTH}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(
    "state", [{"Type": "Pass"}, {"Type": "Pass", "Output": {"x": "{% $states.input %}"}}]
)
def test_an_input_of_any_depth_is_refused_or_runs_to_an_end(
    tmp_path: Path, depth: int, state: dict[str, Any]
) -> None:
    try:
        done = play(tmp_path, {"S": state}, _nested(depth))
    except ApiError as error:
        assert (error.code, depth > MAX_DEPTH) == ("InvalidExecutionInput", True)
    else:
        done.check_whole()
        assert done.status == "SUCCEEDED" or depth > 400


def test_a_definition_is_not_deeper_than_what_is_read_later() -> None:
    def definition(depth: int) -> str:
        states = {"S": {"Type": "Succeed", "Output": 0}}
        return json.dumps(machine_of(states)).replace(": 0}", f": {_nested(depth)}}}")

    def problems(depth: int) -> str:
        return str(_below(200, lambda: problems_of(definition(depth))))

    assert problems(197) == "[]"
    assert all("nested too deeply" in problems(depth) for depth in (198, 300, 480, 960, 20_000))


def test_results_in_results_end_where_no_engine_could_read_them(tmp_path: Path) -> None:
    over = {"Condition": "{% false %}", "Next": "E"}
    states = {
        "P": branches({"B": {"Type": "Pass"}}, Next="C"),
        "C": {"Type": "Choice", "Choices": [over], "Default": "P"},
        "E": {"Type": "Succeed"},
    }
    done = play(tmp_path, states, "1")

    done.check_whole()
    assert done.description["error"] == "States.DataLimitExceeded"


@pytest.mark.parametrize("text", ["", "{", "NaN", _nested(600)])
def test_what_cannot_be_read_is_not_written(tmp_path: Path, text: str) -> None:
    async def run() -> None:
        async with Bench(tmp_path) as bench:
            arn = bench.machine({"S": {"Type": "Pass"}})
            machine = bench.engine.journal.machine(arn)
            assert machine is not None
            with pytest.raises(ValueError, match=r"."):
                bench.engine.start(machine, "e", text)
            assert bench.call("ListExecutions", stateMachineArn=arn)["executions"] == []

    asyncio.run(run())


@pytest.mark.parametrize("redriven", [False, True])
def test_an_execution_that_cannot_be_read_keeps_none_other_from_being_resumed(
    tmp_path: Path, redriven: bool
) -> None:
    async def begin() -> tuple[str, str]:
        async with Bench(tmp_path, automatic=False) as bench:
            bad, good = bench.start(WAIT, name="bad"), bench.start(WAIT, name="good")
            if redriven:
                bench.call("StopExecution", executionArn=bad)
            return bad, good

    async def resume(bad: str, good: str) -> tuple[list[str], Finished, Finished]:
        async with Bench(tmp_path) as bench:
            if redriven:
                bench.call("RedriveExecution", executionArn=bad)
            return bench.resumed, await bench.finish(bad), await bench.finish(good)

    bad, good = asyncio.run(begin())
    with sqlite3.connect(tmp_path / JOURNAL) as file:
        file.execute("UPDATE executions SET input=? WHERE arn=?", (_nested(600), bad))
    file.close()
    resumed, unreadable, readable = asyncio.run(resume(bad, good))

    assert resumed == [good]
    unreadable.check_whole()
    assert "cannot read this execution" in unreadable.description["cause"]
    assert (unreadable.status, readable.status) == ("FAILED", "SUCCEEDED")


@differs(
    "The results of all branches of a Parallel, or of all items of a Map, have 32 MiB together, and JSON has "
    "500 arrays and objects inside of each other; beyond that it is States.DataLimitExceeded, or an input "
    "that is refused."
)
@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("kind", ["Map", "Parallel"])
def test_results_together_have_their_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, killed: bool
) -> None:
    monkeypatch.setattr(parallel, "_MOST_RESULTS", 1000)
    inner = {"B": {"Type": "Wait", "Seconds": 1, "Output": "{% $pad('', 98, 'x') %}"}}
    catch = [{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "Caught"}]

    def states(count: int) -> dict[str, Any]:
        many = {"Output": "{% $count($states.result) %}", "Catch": catch}
        one = (
            each(inner, Items=list(range(count)), MaxConcurrency=1, **many)
            if kind == "Map"
            else branches(*({f"B{index}": inner["B"]} for index in range(count)), **many)
        )
        return {"M": one, "Caught": {"Type": "Pass", "Output": "caught"}}

    assert play(tmp_path / "fits", states(10)).output == 10
    if not killed:
        done = play(tmp_path / "over", states(30))
    else:
        done = asyncio.run(_resumed_in_the_middle(tmp_path / "over", states(30)))
    done.check_whole()
    assert done.output == "caught"
    assert done.types.count("MapIterationStarted") == (11 if kind == "Map" else 0)


async def _resumed_in_the_middle(home: Path, states: dict[str, Any]) -> Finished:
    async with Bench(home, automatic=False) as bench:
        arn = bench.start(states)
        for _ in range(5):
            await bench.clock.advance(1)
    async with Bench(home, start=bench.clock.time()) as bench:
        return await bench.finish(arn)


def test_owners_take_turns_however_many_wait_for_one() -> None:
    async def run() -> list[str]:
        turn, order = Turn(), []

        async def one(owner: str) -> None:
            await turn.wait(owner)
            order.append(owner)

        waiting = [asyncio.ensure_future(one("large")) for _ in range(50)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        waiting.append(asyncio.ensure_future(one("small")))
        await asyncio.gather(*waiting, return_exceptions=True)
        return order

    order = asyncio.run(run())
    assert (len(order), order.index("small") < 3) == (50, True)


def test_many_branches_with_a_large_input_leave_the_loop_its_turns(tmp_path: Path) -> None:
    async def run() -> float:
        async with Bench(tmp_path) as bench:
            states = {"P": branches(*({f"B{index}": {"Type": "Pass", "Output": 1}} for index in range(200)))}
            arn, longest = bench.start(states, json.dumps("x" * 250_000)), 0.0
            while bench.engine.running():
                began = time.thread_time()
                await asyncio.sleep(0)
                longest = max(longest, time.thread_time() - began)
            assert bench.finished(arn).status == "SUCCEEDED"
            return longest

    assert asyncio.run(run()) < 6 * turns._LONG
