"""Following an execution on AWS: gently, patiently, and without holding up whoever wants to leave."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from stepherd.backends.stack import source as stack_source
from stepherd.backends.stack.source import StackSource
from stepherd.errors import CredentialsError, NotFoundError, TemporaryError, UnavailableError

EVENT = {"id": 1, "type": "ExecutionStarted", "timestamp": 0.0}


class Time:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def asking(*answers: Any) -> tuple[StackSource, Time, list[str]]:
    """A source whose histories are these, the last one for ever; its clock; what it told."""
    left = list(answers)
    clock, told = Time(), list[str]()

    def call(_operation: str, _request: Any) -> dict[str, Any]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return {"events": answer}

    source = StackSource(call, clock)
    source.tell = told.append
    return source, clock, told


def news(source: StackSource, times: int = 1, after: int = 0) -> list[Any]:
    async def go() -> list[Any]:
        return [await source.news("arn", after) for _ in range(times)]

    return asyncio.run(go())


def test_a_run_that_was_started_may_be_unknown_for_a_while() -> None:
    source, clock, told = asking(NotFoundError("no run"), NotFoundError("no run"), [EVENT])
    assert news(source, 3) == [[], [], [EVENT]]
    assert told == []
    # WHEN it stays unknown, or was known before
    clock.now = 31
    gone, _, _ = asking(NotFoundError("no run"))
    with pytest.raises(NotFoundError):
        news(gone, after=7)


def test_what_may_pass_is_said_once_and_asked_again_until_patience_ends() -> None:
    broken = UnavailableError("AWS cannot be reached.")
    source, clock, told = asking(broken, TemporaryError("busy"), [EVENT], broken)
    assert news(source, 3) == [[], [], [EVENT]]
    first = "AWS cannot be reached. The run continues; asking again. Ctrl-C stops asking."
    assert told == [first, "AWS answers again."]
    news(source)
    clock.now += 601
    with pytest.raises(UnavailableError):
        news(source)


def test_what_cannot_pass_is_raised_at_once() -> None:
    source, _, told = asking(CredentialsError("expired"))
    with pytest.raises(CredentialsError):
        news(source)
    assert told == []


def test_it_asks_less_often_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def go(source: StackSource) -> None:
        for _ in range(8):
            await source.news("arn", 0)
            await source.changed()

    source, _, _ = asking([EVENT], [], [], [], [], [], [], [EVENT])
    monkeypatch.setattr(stack_source.asyncio, "sleep", sleep)
    asyncio.run(go(source))
    assert slept[0] == 1.0
    assert slept[:7] == sorted(slept[:7])
    assert max(slept) == 5.0
    assert slept[7] == 1.0


def test_an_answer_that_takes_long_holds_up_nobody_and_is_not_asked_for_twice() -> None:
    go_on, asked = threading.Event(), list[str]()

    def call(_operation: str, request: Any) -> dict[str, Any]:
        asked.append(request["executionArn"])
        assert go_on.wait(30)
        return {"events": [EVENT]}

    async def follow(leave: Callable[[], None]) -> list[Any]:
        source = StackSource(call)
        first = [await source.news("arn", 0), await source.news("arn", 0)]
        leave()
        while not (found := await source.news("arn", 0)):
            await source.changed()
        return [*first, found]

    assert asyncio.run(follow(go_on.set)) == [[], [], [EVENT]]
    assert asked == ["arn"]


def test_leaving_does_not_wait_for_an_answer() -> None:
    go_on = threading.Event()

    async def leave() -> None:
        source = StackSource(lambda *_: {"events": []} if go_on.wait(30) else {})
        await source.news("arn", 0)

    began = time.monotonic()
    asyncio.run(leave())
    assert time.monotonic() - began < 10
    go_on.set()
