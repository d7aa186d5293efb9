"""A published message reaches the subscribed function, whatever happens to the engine meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stepherd.engine.deliveries import Deliveries
from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.runners.functions import Function, FunctionPool

Invoke = Callable[[str, str], Awaitable[None]]


async def _settled(deliveries: Deliveries) -> None:
    await asyncio.gather(*deliveries._under_way)


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*"))


def test_a_message_that_was_taken_is_gone(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []

    async def scenario() -> None:
        async def take(function: str, event: str) -> None:
            heard.append((function, event))

        deliveries = Deliveries(tmp_path / "d", take)
        deliveries.keep("one", "do", '{"a":1}')
        assert stat.S_IMODE((tmp_path / "d" / "one.json").stat().st_mode) == 0o600
        deliveries.begin("one")
        await _settled(deliveries)

    asyncio.run(scenario())
    assert heard == [("do", '{"a":1}')]
    assert _left(tmp_path / "d") == []


def test_a_function_that_fails_gets_it_three_times(tmp_path: Path) -> None:
    tries: list[str] = []

    async def scenario() -> None:
        async def fail(function: str, event: str) -> None:
            tries.append(event)
            raise TaskError("Lambda.Unknown", "no")

        deliveries = Deliveries(tmp_path, fail)
        deliveries.keep("one", "do", "x")
        deliveries.begin("one")
        await _settled(deliveries)

    asyncio.run(scenario())
    assert tries == ["x"] * 3
    assert _left(tmp_path) == []


def test_an_engine_that_ends_meanwhile_leaves_it_to_the_next_one(tmp_path: Path) -> None:
    """Fails when close waits for the function, forgets the message, or resume does not deliver it."""
    heard: list[str] = []

    async def first() -> None:
        begun = asyncio.Event()

        async def work_for_minutes(function: str, event: str) -> None:
            begun.set()
            await asyncio.sleep(600)

        deliveries = Deliveries(tmp_path, work_for_minutes)
        deliveries.keep("one", "do", json.dumps({"n": 1}))
        deliveries.begin("one")
        await begun.wait()
        await asyncio.wait_for(deliveries.close(), 5)

    async def second() -> None:
        async def take(function: str, event: str) -> None:
            heard.append(event)

        deliveries = Deliveries(tmp_path, take)
        deliveries.resume()
        await _settled(deliveries)

    asyncio.run(first())
    assert _left(tmp_path) == ["one.json"]
    asyncio.run(second())
    assert heard == ['{"n": 1}']
    assert _left(tmp_path) == []


def test_a_message_that_nobody_waits_for_any_more_goes_with_its_engine(tmp_path: Path) -> None:
    """Fails when close keeps it for the next engine, or forgets one that is waited for."""
    answered = {"of one that was stopped"}

    async def scenario() -> None:
        begun = asyncio.Event()

        async def work_for_minutes(function: str, event: str) -> None:
            begun.set()
            await asyncio.sleep(600)

        deliveries = Deliveries(tmp_path, work_for_minutes, answered.__contains__)
        deliveries.keep("dead", "do", "x", "of one that was stopped")
        deliveries.keep("alive", "do", "x", "of one that goes on")
        deliveries.keep("none", "do", "x")
        deliveries.begin("dead")
        await begun.wait()
        await asyncio.wait_for(deliveries.close(), 5)

    asyncio.run(scenario())
    assert _left(tmp_path) == ["alive.json", "none.json"]


def test_an_engine_after_one_that_was_killed_does_not_deliver_what_nobody_waits_for(tmp_path: Path) -> None:
    heard: list[str] = []

    async def scenario() -> None:
        async def take(function: str, event: str) -> None:
            heard.append(event)

        Deliveries(tmp_path, take).keep("dead", "do", "dead", "answered")
        Deliveries(tmp_path, take).keep("alive", "do", "alive", "open")
        deliveries = Deliveries(tmp_path, take, {"answered"}.__contains__)
        deliveries.resume()
        await _settled(deliveries)

    asyncio.run(scenario())
    assert heard == ["alive"]
    assert _left(tmp_path) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"other": 1}'])
def test_a_file_that_is_no_message_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)

    async def scenario() -> None:
        async def take(function: str, event: str) -> None:
            raise AssertionError("nothing to take")

        deliveries = Deliveries(tmp_path, take)
        deliveries.resume()
        await _settled(deliveries)

    asyncio.run(scenario())
    assert _left(tmp_path) == []


def test_workers_that_wait_use_up_none_of_the_loops_threads(tmp_path: Path) -> None:
    """Fails when the end of each worker's process is waited for in one of them."""
    (tmp_path / "app.py").write_text("def handle(event, context):\n    return event\n")
    count = min(32, (os.cpu_count() or 1) + 4) + 1
    functions = [Function(f"f{n}", tmp_path, "app.handle", timeout=30) for n in range(count)]

    async def scenario() -> None:
        environment = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        pool = FunctionPool(functions, environment, tmp_path / "logs")
        try:
            await asyncio.gather(*(pool.invoke(function, "1") for function in functions))
            assert await asyncio.wait_for(asyncio.to_thread(lambda: 5), 10) == 5
        finally:
            await pool.close()

    asyncio.run(scenario())


def test_a_function_gets_the_variable_that_its_own_environment_refers_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITS_SECRET", "its own")
    monkeypatch.setenv("OTHER_SECRET", "of somebody else")
    text = "import os\ndef handle(event, context):\n"
    (tmp_path / "app.py").write_text(
        f"{text}    return [os.environ.get(n) for n in ('ITS_SECRET', 'OTHER_SECRET')]\n"
    )
    function = Function("f", tmp_path, "app.handle", {"WHERE": "env:ITS_SECRET"}, timeout=30)

    async def scenario() -> str:
        pool = FunctionPool([function], {}, tmp_path / "logs")
        try:
            return await pool.invoke(function, "1")
        finally:
            await pool.close()

    assert json.loads(asyncio.run(scenario())) == ["its own", None]
