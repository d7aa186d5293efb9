"""Fault 9: the engine is killed at every commit, before it and after it.

Expected: the next engine finishes the run with the right output, no state that had finished is run again,
and the history has no gap and one end.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import Finished
from tests.faults.crash_engine import OUTPUT, Effects
from tests.journal_files import details_in

ALL_COMMITS = 48
JOB_COMMITS = 12
NOW = 1_750_000_000.0


class Zygote:
    """The subprocess that runs engines to kill."""

    def __init__(self) -> None:
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("crash_engine.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
        )

    def run(
        self, home: Path, *, kill_at: int = 0, when: str = "before", real: bool = False, later: float = 0
    ) -> int:
        assert self._process.stdin
        assert self._process.stdout
        order = {"home": str(home), "kill_at": kill_at, "when": when, "real": real, "now": NOW + later}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline())["code"])

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    started = Zygote()
    yield started
    started.close()


def _done(home: Path) -> tuple[Finished, int]:
    said = json.loads((home / "done.json").read_text())
    return Finished(said["description"], said["events"]), said["commits"]


def _finished_tasks(home: Path) -> set[str]:
    """The tasks that have succeeded by the journal, as the effects file names them."""
    if not (home / "journal.sqlite3").exists():
        return set()
    connection = sqlite3.connect(home / "journal.sqlite3")
    try:
        rows = details_in(connection, "SELECT details, type, frame FROM events ORDER BY execution, id")
    except sqlite3.OperationalError:
        return set()  # Killed before there was a schema.
    finally:
        connection.close()
    sent: dict[str, Any] = {}
    finished = set()
    for details, kind, frame in rows:
        if kind == "TaskScheduled":
            sent[frame] = json.loads(json.loads(details)["parameters"])
        elif kind == "TaskSucceeded":
            finished.add(sent[frame].get("do") or ("ask" if "t" in sent[frame] else "job"))
    return finished


def test_the_matrix_is_as_long_as_the_run(zygote: Zygote, tmp_path: Path) -> None:
    """The number of commits may vary by how effects meet in one turn; the matrix must not be shorter."""
    assert zygote.run(tmp_path) == 0

    done, commits = _done(tmp_path)
    assert done.output == OUTPUT
    assert commits <= ALL_COMMITS, "lengthen ALL_COMMITS"


@pytest.mark.exhaustive
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, ALL_COMMITS + 1))
def test_a_killed_engine_is_resumed_without_running_a_finished_state_twice(
    zygote: Zygote, tmp_path: Path, number: int, when: str
) -> None:
    # GIVEN an engine that dies at this commit
    code = zygote.run(tmp_path, kill_at=number, when=when)
    assert code in (-signal.SIGKILL, 0)
    finished = _finished_tasks(tmp_path)
    before = Effects(tmp_path / "effects").counts()

    # WHEN another engine opens the home ten seconds later
    assert zygote.run(tmp_path, later=10) == 0

    # THEN the run ends well, and what had finished was left alone
    done, _ = _done(tmp_path)
    assert done.status == "SUCCEEDED"
    assert done.output == OUTPUT
    done.check_whole()
    after = Effects(tmp_path / "effects").counts()
    assert {what: after[what] for what in finished if what != "job"} == {
        what: before[what] for what in finished if what != "job"
    }
    # Tasks under way may be done again, once: 'flaky' and 'trip' are meant to run twice anyhow.
    assert all(count <= (3 if what in ("flaky", "trip") else 2) for what, count in after.items())
    assert sum(count for what, count in after.items() if what.startswith("job")) == 1
    for kind in ("PassStateExited", "TaskStateExited", "MapIterationSucceeded", "ParallelStateExited"):
        names = [json.dumps(e, sort_keys=True) for e in done.events if e["type"] == kind]
        assert len(set(names)) == len(names)
    assert done.types.count("MapIterationSucceeded") == 3
    assert done.types.count("ParallelStateFailed") == 1
    assert done.types.count("WaitStateAborted") == 2


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, JOB_COMMITS + 1))
def test_a_process_is_adopted_or_begun_and_works_once(
    zygote: Zygote, tmp_path: Path, number: int, when: str
) -> None:
    code = zygote.run(tmp_path, kill_at=number, when=when, real=True)
    assert code in (-signal.SIGKILL, 0)

    assert zygote.run(tmp_path, real=True) == 0

    done, commits = _done(tmp_path)
    assert done.output == 0
    assert commits <= JOB_COMMITS, "lengthen JOB_COMMITS"
    done.check_whole()
    assert Effects(tmp_path / "effects").counts() == {"job": 1}
