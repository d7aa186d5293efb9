"""Expressions that would not end: the execution fails, and the engine hears everything else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.differences import differs
from tests.engine_bench import Bench, branches, each, play

from stepherd.engine.asl import turns
from stepherd.engine.jsonata import scope

ENDLESS = "{% ($f := function() { $f() }; $f()) %}"
LONG_REGEX = "{% $match($pad('', 5000, 'a') & 'b', /(a+)+$/) %}"
DEEP = "{% ($f := function($n) { 1 + $f($n) }; $f(1)) %}"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(scope, "MAX_TIME", 0.06)
    return 0.06


@differs(
    "An expression may make some 100 MB in all, where Step Functions measures memory in its own way. The "
    "second, the depth and the size of one value are the same, and so are the error and its words."
)
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("output", [ENDLESS, LONG_REGEX, DEEP])
def test_it_fails_the_state_in_the_words_of_the_field(tmp_path: Path, output: str) -> None:
    done = play(tmp_path, {"S": {"Type": "Pass", "Output": output}})

    assert done.details("EvaluationFailed")["error"] == "States.QueryEvaluationError"
    assert done.details("EvaluationFailed")["location"] == "Output"
    assert "threw an error during evaluation: " in done.description["cause"]


@pytest.mark.usefixtures("short")
def test_it_can_be_caught(tmp_path: Path) -> None:
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "N"}]
    inner = {"Type": "Pass"}

    done = play(
        tmp_path, {"S": branches({"B": inner}, Arguments=ENDLESS, Catch=catch), "N": {"Type": "Succeed"}}
    )

    assert done.status == "SUCCEEDED"


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("many", ["executions", "items"])
def test_many_at_once_take_turns_with_everything_else(tmp_path: Path, many: str) -> None:
    """Between two slow expressions the loop goes round, so that signals, timers and calls are heard."""
    assert scope.MAX_TIME > turns._LONG
    slow = {"S": {"Type": "Pass", "Output": ENDLESS}}

    async def run() -> None:
        async with Bench(tmp_path) as bench:
            if many == "items":
                names = [bench.start({"M": each(slow, Items=list(range(15)))}, name="e")]
            else:
                names = [bench.start(slow, name=f"e{index}") for index in range(15)]
            while bench.engine.running():
                began = time.thread_time()
                await asyncio.sleep(0)
                taken.append(time.thread_time() - began)
            assert all(bench.finished(name).status == "FAILED" for name in names)

    taken: list[float] = []
    asyncio.run(run())

    assert max(taken) < 6 * scope.MAX_TIME


def test_sigterm_is_heard_while_many_are_evaluated(tmp_path: Path) -> None:
    program = f"""
import asyncio, signal, sys
from pathlib import Path
from tests.differences import differs
from tests.engine_bench import Bench

async def main():
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with Bench(Path({str(tmp_path)!r})) as bench:
        state = {{"Type": "Pass", "Output": {ENDLESS!r}}}
        for index in range(60):
            bench.start({{"S": state}}, name=f"e{{index}}")
        print("started", flush=True)
        await ended.wait()
        print("heard", len(bench.engine.running()), flush=True)

asyncio.run(main())
"""
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-P", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, umask=0o077) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        child.send_signal(signal.SIGTERM)
        words, _ = child.communicate(timeout=60)

    # Sixty of them take a minute of the processor: most are still under way when the signal is heard.
    heard, left = words.split()
    assert (heard, child.returncode) == ("heard", 0)
    assert int(left) > 30
