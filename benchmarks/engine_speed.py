"""The interpreter beside moto's, which keeps no journal."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure

__all__ = ["engine_figures"]

_CHAIN = 2_000
_MOTO_CHAIN = 500
_ROLE = "arn:aws:iam::123456789012:role/x"


def engine_figures() -> Iterator[Figure]:
    """Pass states a second, start to done, and a hundred at once."""
    ours, moto = asyncio.run(_ours()), _moto()
    yield Figure.of(
        "chained Pass states with an Output expression, journalled", ours["chain"], "states/s",
        "≥ 5,000", ours["chain"] >= 5_000, moto["chain"],
    )  # fmt: skip
    yield Figure.of(
        "start to done, 3 Pass states",
        ours["three"] * 1e3,
        "ms",
        "≤ 3 median",
        ours["three"] <= 0.003,
        moto["three"] * 1e3,
    )
    yield Figure.of(
        "100 executions of 3 Pass at once",
        ours["hundred"],
        "s",
        "≤ 0.25",
        ours["hundred"] <= 0.25,
        moto["hundred"],
    )


def _chain(length: int, language: str) -> str:
    body = (
        {"Output": {"n": "{% $states.input.n %}"}}
        if language == "JSONata"
        else {"Parameters": {"n.$": "$.n"}}
    )
    last = length - 1
    states = {
        f"S{i}": {"Type": "Pass", **body, **({"End": True} if i == last else {"Next": f"S{i + 1}"})}
        for i in range(length)
    }
    return json.dumps({"QueryLanguage": language, "StartAt": "S0", "States": states})


def _three(language: str) -> str:
    states: dict[str, Any] = {"A": {"Next": "B"}, "B": {"Next": "C"}, "C": {"End": True}}
    states = {name: {"Type": "Pass", **rest} for name, rest in states.items()}
    return json.dumps({"QueryLanguage": language, "StartAt": "A", "States": states})


async def _ours() -> dict[str, float]:
    from stepherd.engine.core import Engine

    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder))
        engine.open({})
        chain = engine.put_machine("chain", _chain(_CHAIN, "JSONata"), _ROLE)
        three = engine.put_machine("three", _three("JSONata"), _ROLE)

        async def run(machine: Any, name: str) -> None:
            await engine.ended(engine.start(machine, name, '{"n": 1}').arn)

        chains = [await _timed(lambda i=i: run(chain, f"c{i}")) for i in range(5)]
        threes = [await _timed(lambda i=i: run(three, f"t{i}")) for i in range(101)]

        async def hundred(round_: int) -> None:
            names = [f"h{round_}-{i}" for i in range(100)]
            arns = [engine.start(three, name, "{}").arn for name in names]
            for arn in arns:
                await engine.ended(arn)

        hundreds = [await _timed(lambda i=i: hundred(i)) for i in range(5)]
        await engine.close()
    return {
        "chain": _CHAIN / statistics.median(chains),
        "three": statistics.median(threes),
        "hundred": statistics.median(hundreds),
    }


async def _timed(action: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await action()
    return time.perf_counter() - began


def _moto() -> dict[str, float]:
    os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    import boto3
    from moto import mock_aws

    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions")
        chain = client.create_state_machine(
            name="c", definition=_chain(_MOTO_CHAIN, "JSONPath"), roleArn=_ROLE
        )
        three = client.create_state_machine(name="t", definition=_three("JSONPath"), roleArn=_ROLE)
        # A pause that is long beside a request, short beside the run: asking takes moto's time, too.
        chains = [_moto_run(client, [chain["stateMachineArn"]], f"c{i}", 0.02) for i in range(3)]
        threes = [_moto_run(client, [three["stateMachineArn"]], f"t{i}") for i in range(15)]
        hundreds = [_moto_run(client, [three["stateMachineArn"]] * 100, f"h{i}") for i in range(3)]
    return {
        "chain": _MOTO_CHAIN / statistics.median(chains),
        "three": statistics.median(threes),
        "hundred": statistics.median(hundreds),
    }


def _moto_run(client: Any, machines: list[str], name: str, pause: float = 0.001) -> float:
    """Wall time until all have ended, asked for seldom enough not to slow them down."""
    began = time.perf_counter()
    started = [
        client.start_execution(stateMachineArn=arn, name=f"{name}-{index}", input='{"n": 1}')["executionArn"]
        for index, arn in enumerate(machines)
    ]
    for arn in started:
        while client.describe_execution(executionArn=arn)["status"] == "RUNNING":
            time.sleep(pause)
    return time.perf_counter() - began
