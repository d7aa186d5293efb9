"""Fault 13: journals that earlier engines wrote, cut off after each of their commits.

Expected: the present engine takes each of them up and ends it with the same result. The recordings are made
by
record_histories.py and kept; a change of the engine that cannot read them fails here.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import Bench
from tests.faults.crash_engine import OUTPUT, Asking, Doing, Effects, Job, answer_all
from tests.journal_files import write_first_version

from stepherd.engine.asl.loading import problems_of

HISTORIES = Path(__file__).with_name("histories")
RECORDED: list[dict[str, list[Any]]] = json.loads((HISTORIES / "all_kinds.json").read_text())
NAMED = "arn:aws:states:us-east-1:000000000000:execution:M:e"


def _starts() -> list[int]:
    """After which commits the execution is there."""
    first = next(n for n, c in enumerate(RECORDED) if any(row[1] == NAMED for row in c.get("executions", [])))
    return list(range(first + 1, len(RECORDED) + 1))


def lay_down(path: Path, commits: int) -> None:
    """Write the first of the recorded commits as a journal of the version that was recorded."""
    write_first_version(path, RECORDED[:commits])


@pytest.mark.parametrize("commits", _starts())
def test_a_journal_cut_off_after_any_commit_is_taken_up(tmp_path: Path, commits: int) -> None:
    lay_down(tmp_path / "journal.sqlite3", commits)
    effects = Effects(tmp_path / "effects")
    effects.note("flaky")  # The earlier steps of the recording engine.
    fakes = {"lambda": Doing(effects), "sqs": Asking(effects), "ecs": Job(effects)}

    async def run() -> None:
        async with Bench(tmp_path, fakes, start=1_750_000_900.0) as bench:
            answering = asyncio.ensure_future(answer_all(bench))
            done = await bench.finish(NAMED)
            answering.cancel()
            done.check_whole()
            assert done.output == OUTPUT

    asyncio.run(run())


def test_the_definitions_of_recorded_machines_are_still_accepted() -> None:
    definitions = [row[2] for commit in RECORDED for row in commit.get("machines", [])]

    assert definitions
    assert [problems_of(text) for text in definitions] == [[]] * len(definitions)
