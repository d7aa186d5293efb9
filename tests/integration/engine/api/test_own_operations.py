"""Operations of the engine's own: waiting for news, and removing what has ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import Bench, Scripted, hangs, task

from stepherd.engine.api.endpoint import endpoint_application
from stepherd.engine.api.errors import ApiError

PASS = {"A": {"Type": "Pass"}}
KEY = "k" * 24


async def ask(bench: Bench, operation: str, **request: Any) -> dict[str, Any]:
    """Call by the endpoint, without a socket."""
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(request).encode()}

    async def send(message: Any) -> None:
        said.append(message)

    headers = [(b"host", b"127.0.0.1:1"), (b"x-amz-target", f"AWSStepFunctions.{operation}".encode())]
    scope = {"type": "http", "method": "POST", "path": f"/{KEY}/", "headers": headers}
    await endpoint_application(bench.api, KEY)(scope, receive, send)
    answer: dict[str, Any] = json.loads(said[1]["body"])
    return answer if said[0]["status"] == 200 else {"error": answer["__type"]}


def run(home: Path, body: Callable[[Bench], Any], **more: Any) -> None:
    async def inside() -> None:
        async with Bench(home, {"lambda": Scripted(hangs)}, **more) as bench:
            await asyncio.wait_for(body(bench), 20)

    asyncio.run(inside())


def test_news_is_answered_when_there_is_some_and_not_before(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        arn = bench.start({"W": {"Type": "Wait", "Seconds": 5, "Next": "T"}, "T": task()})
        await bench.until(lambda: len(bench.finished(arn).events) >= 2)
        last = bench.finished(arn).events[-1]["id"]
        waiting = asyncio.ensure_future(ask(bench, "StepherdAwaitChange", seconds=20, after={arn: last}))
        bench.start(PASS, name="other")
        await bench.until(lambda: bench.finished(f"{arn[:-1]}other").status == "SUCCEEDED")
        assert not waiting.done(), "what another does is no news of this one"
        await bench.clock.advance(5)
        assert "changes" in await waiting
        again = await ask(bench, "StepherdAwaitChange", seconds=20, after={arn: last})
        assert "changes" in again, "what has happened before is answered at once"

    run(tmp_path, body, automatic=False)


def test_anything_is_news_where_nothing_is_named(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        first = await ask(bench, "StepherdAwaitChange", seconds=20)
        waiting = asyncio.ensure_future(ask(bench, "StepherdAwaitChange", seconds=20, **first))
        await asyncio.sleep(0)
        assert not waiting.done()
        bench.start(PASS)
        assert (await waiting)["changes"] > first["changes"]

    run(tmp_path, body)


def test_who_waits_already_is_answered_when_the_engine_closes(tmp_path: Path) -> None:
    async def inside() -> None:
        async with Bench(tmp_path, {"lambda": Scripted(hangs)}) as bench:
            first = await ask(bench, "StepherdAwaitChange", seconds=0)
            waiting = asyncio.ensure_future(ask(bench, "StepherdAwaitChange", seconds=20, **first))
            await asyncio.sleep(0)
            assert not waiting.done()
            bench.api.closed = True
        # Else the end of the event loop would cancel it, which a terminal would show as a traceback.
        answer = await asyncio.wait_for(waiting, 5)
        assert answer["error"].endswith("#ServiceUnavailable")

    asyncio.run(inside())


def test_no_one_waits_for_an_engine_that_closes(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        first = await ask(bench, "StepherdAwaitChange", seconds=0)
        bench.engine.closing = True
        await ask(bench, "StepherdAwaitChange", seconds=20, **first)

    run(tmp_path, body)


def test_a_wait_ends_without_news(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        first = await ask(bench, "StepherdAwaitChange", seconds=0)
        assert await ask(bench, "StepherdAwaitChange", seconds=0.01, **first) == first

    run(tmp_path, body)


BAD = [
    ("StepherdAwaitChange", {"after": 7}),
    ("StepherdAwaitChange", {"after": {"a": "b"}}),
    ("StepherdAwaitChange", {"seconds": "x"}),
    ("StepherdAwaitChange", {"changes": -1}),
    ("StepherdListEnded", {"keepNewest": "x"}),
    ("StepherdListEnded", {"stoppedBefore": True}),
    ("StepherdListEnded", {"before": 1.5}),
    ("StepherdPlanRemoval", {}),
    ("StepherdPlanRemoval", {"executionArns": "x"}),
    ("StepherdRemoveExecutions", {"executionArns": [1]}),
]


@pytest.mark.parametrize(("operation", "request_"), BAD)
def test_what_makes_no_sense_is_refused(tmp_path: Path, operation: str, request_: dict[str, Any]) -> None:
    async def body(bench: Bench) -> None:
        assert (await ask(bench, operation, **request_))["error"].endswith("#ValidationException")

    run(tmp_path, body)


def test_what_runs_is_never_removed_and_keeps_what_would_go_with_it(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        done = await bench.run(PASS, name="done")
        runs = bench.start({"T": task()}, name="runs")
        ended = done.description["executionArn"]
        answer = bench.call("StepherdRemoveExecutions", executionArns=[ended, runs])
        assert answer == {"removed": False}
        assert bench.call("DescribeExecution", executionArn=ended)["status"] == "SUCCEEDED"
        told: list[str] = []
        bench.engine.at_removal = told.append
        assert bench.call("StepherdRemoveExecutions", executionArns=[ended]) == {"removed": True}
        assert told == [ended], "what else knows of it by its name is told"
        with pytest.raises(ApiError, match="ExecutionDoesNotExist"):
            bench.call("DescribeExecution", executionArn=ended)
        families = bench.call("StepherdPlanRemoval", executionArns=[runs, ended])["families"]
        assert [family["running"] for family in families] == [True, False]
        with pytest.raises(ApiError, match="ExecutionAlreadyExists"):  # Its files may be there still.
            bench.start(PASS, name="done")
        while bench.call("StepherdCleanUp")["more"]:
            pass
        assert (await bench.run(PASS, name="done")).status == "SUCCEEDED", "its name is free"

    run(tmp_path, body)
