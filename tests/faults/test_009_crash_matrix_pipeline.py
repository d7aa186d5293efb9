"""Fault 9: the engine is killed before and after every commit of its journal; another continues.

A run of the fast pipeline makes some twenty commits. After each of them is a crash point, and so is the
moment before those that follow an effect (a task started, a task or function ended); before the others the
world is what it was after the commit before. The run must end with one commit on its branch, and nothing
that had finished may have run again.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.aftermath import (
    entered_states,
    no_process_left,
    one_terminal_status,
    processes_of,
    run_exists,
)
from tests.e2e.place import Place
from tests.integration.repositories.origin import Origin, git

STATES = ("PrepareRun", "CloneRepository", "RunAgent", "CommitAndPush", "ReportRun")
STEPS = ("prepare", "clone", "agent", "push")
KILLER = "tests.e2e.killing_engine"


@dataclass(frozen=True)
class Ground:
    """The common ground of all crash points: a remote, and the commits of an undisturbed run."""

    folder: Path
    origin: Origin
    commits: list[str]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("matrix")
    origin = Origin.create(folder / "shared")
    with _place(folder, origin, "undisturbed") as place:
        _start_killing(place, "undisturbed", 0, "never")
        commits = place.lines("commits")
    yield Ground(folder, origin, commits)


def _place(folder: Path, origin: Origin, name: str) -> AbstractContextManager[Place]:
    """A place of its own with the shared remote."""
    (folder / name).mkdir()
    (folder / name / "remote").symlink_to(origin.folder)
    return Place.at(folder / name)


def _start_killing(place: Place, run_id: str, number: int, when: str) -> int:
    command = place.script(f"echo begun >> {place.root}/count; echo new > new.txt")
    point: dict[str, Any] = {
        "KILL_AT": str(number),
        "KILL_WHEN": when,
        "KILL_LOG": str(place.root / "commits"),
    }
    return place.cli(*place.run_words(command, name=run_id), module=KILLER, **point).code


def _crash_and_resume(ground: Ground, number: int, when: str, *, machine: bool = False) -> str | None:
    """The fault after a crash at this point; None when all is well. ``machine``: the tasks die too."""
    run_id = f"{'machine' if machine else 'engine'}_{when}_{number}"
    try:
        with _place(ground.folder, ground.origin, run_id) as place:
            code = _start_killing(place, run_id, number, when)
            assert code == -signal.SIGKILL, f"it ended with {code}"
            for pid in processes_of(place.root) if machine else ():
                # One that ended by itself meanwhile is as dead as the others.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            _resume(place, run_id)
            _check(place, ground.origin, run_id, most_runs=2 if machine else 1)
    except AssertionError as error:
        return f"{when} commit {number} ({ground.commits[number - 1]}): {error}"
    return None


def _resume(place: Place, run_id: str) -> None:
    if not run_exists(place, run_id):
        # Killed before the run was accepted: nothing was begun, and the same command begins it.
        assert place.lines("count") == []
        assert _start_killing(place, run_id, 0, "never") == 0
    else:
        done = place.cli("resume", run_id, "--json")
        assert done.code == 0, done.err
        assert done.json["status"] == "SUCCEEDED"


def _check(place: Place, origin: Origin, run_id: str, *, most_runs: int) -> None:
    one_terminal_status(place, run_id, "SUCCEEDED")
    assert entered_states(place, run_id) == list(STATES)
    commits = git(origin.bare, "log", "--format=%s", f"main..stepherd/{run_id}").splitlines()
    assert commits == ["Do the work"]
    assert 1 <= len(place.lines("count")) <= most_runs
    for step in STEPS:
        result = place.folder(run_id).read_result(step)
        assert result is not None
        assert (result.status, result.runs) == ("succeeded", 1), step
    no_process_left(place.root)


def _all_well(ground: Ground, numbers: list[int], when: str, *, machine: bool = False) -> None:
    with ThreadPoolExecutor(2) as workers:
        problems = workers.map(lambda n: _crash_and_resume(ground, n, when, machine=machine), numbers)
        assert [problem for problem in problems if problem] == []


def test_an_undisturbed_run_commits_in_every_state(ground: Ground) -> None:
    said = " ".join(ground.commits)
    for state in STATES:
        assert f"StateEntered {state}" in said
        assert f"StateExited {state}" in said


@pytest.mark.exhaustive
@pytest.mark.timeout(240)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_engine_is_resumed_at_every_commit(ground: Ground, when: str) -> None:
    effects = ("TaskSubmitted", "TaskSucceeded")
    numbers = [
        number
        for number, said in enumerate(ground.commits, 1)
        if when == "after" or any(effect in said for effect in effects)
    ]
    assert len(numbers) >= (8 if when == "before" else 20)
    _all_well(ground, numbers, when)


@pytest.mark.exhaustive
@pytest.mark.timeout(240)
def test_tasks_that_died_with_the_engine_are_started_again(ground: Ground) -> None:
    submitted = [n for n, said in enumerate(ground.commits, 1) if "TaskSubmitted" in said]
    assert len(submitted) == 3
    _all_well(ground, submitted, "after", machine=True)


def test_work_that_was_done_is_not_done_again_when_its_end_was_lost(ground: Ground) -> None:
    # GIVEN an engine that died while its agent's task ran on, and a task whose exit code no one could note
    at_agent = [n for n, said in enumerate(ground.commits, 1) if "TaskSubmitted" in said][1]
    with _place(ground.folder, ground.origin, "lost") as place:
        assert _start_killing(place, "lost", at_agent, "after") == -signal.SIGKILL
        no_process_left(place.root)
        (noted,) = place.home.glob("tasks/*/agent/exit")
        noted.unlink()
        # WHEN the run is resumed
        _resume(place, "lost")
        # THEN the task is started again, finds its own result, and the agent is not paid for twice
        _check(place, ground.origin, "lost", most_runs=1)
