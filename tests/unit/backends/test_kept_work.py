"""Waiting for the work of a stopped run to be kept: it ends, also when nothing begins to keep it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from stepherd.backends.home.backend import HomeBackend
from stepherd.backends.kept_work import Kept, until_kept
from stepherd.errors import NotFoundError


class Runs:
    """The answers about a run that was stopped, and about what keeps it: ``keeping`` comes one by one, and
    None is no such execution."""

    def __init__(self, *keeping: str | None, status: str = "ABORTED", age: float = 0) -> None:
        self.keeping, self.waits = list(keeping), 0
        self.run = {"status": status, "stopDate": time.time() - age}

    def __call__(self, _operation: str, request: Any) -> dict[str, Any]:
        if "stepherd-keep" not in request["executionArn"]:
            return self.run
        status = self.keeping.pop(0) if len(self.keeping) > 1 else self.keeping[0]
        if status is None:
            raise NotFoundError("There is none.")
        return {"status": status}

    async def changed(self) -> None:
        self.waits += 1
        assert self.waits < 9, "it waits for what never comes"


def waited(runs: Runs, **more: Any) -> Kept | None:
    return asyncio.run(until_kept(runs, HomeBackend(Path("/home")), "run_1", runs.changed, **more))


def test_what_can_not_begin_any_more_has_failed() -> None:
    kept = waited(Runs(None), may_begin=lambda: False)
    assert kept is not None
    assert kept.over
    assert kept.words().endswith("stepherd pull run_1")


def test_what_has_begun_is_waited_for() -> None:
    kept = waited(Runs(None, "RUNNING", "SUCCEEDED"), may_begin=iter([True, False, False]).__next__)
    assert kept is not None
    assert kept.status == "SUCCEEDED"


def test_what_did_not_begin_in_its_time_has_failed_too() -> None:
    runs = Runs(None, None)

    async def late() -> None:
        runs.run["stopDate"] = time.time() - 1000

    kept = asyncio.run(until_kept(runs, HomeBackend(Path("/home")), "run_1", late))
    assert kept is not None
    assert kept.status == "FAILED"


@pytest.mark.parametrize("runs", [Runs(None, status="SUCCEEDED"), Runs(None, age=1000)])
def test_nothing_is_said_of_a_run_that_nothing_would_have_kept(runs: Runs) -> None:
    assert waited(runs) is None
