"""Old runs are removed whole, and never one that has not ended, or whose work would be lost."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.killed_at_statements import killed_at

from stepherd.backends.client import KEEP, LOGIN, PIPELINE, execution_arn, machine_arn
from stepherd.backends.home import pruning
from stepherd.backends.home.pruning import Criteria, Pruned, prune
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.records import CHILD_MARK, Attempt, Execution, Machine
from stepherd.errors import NotFoundError, TemporaryError, UsageError

PUSHED = {"commit": "c" * 40, "branch": "stepherd/r", "kept": [], "left_out": [], "commits": []}


class Home:
    """A home without an engine, with runs that are laid down."""

    def __init__(self, path: Path, *machines: str) -> None:
        self.path = path
        path.mkdir(mode=0o700)
        journal = self.journal()
        for machine in machines or (PIPELINE, LOGIN, KEEP, "mine"):
            journal.add_machine(Machine(machine_arn(machine), machine, "{}", "r", 1.0))
        journal.close()

    def journal(self) -> Journal:
        return Journal(self.path / "journal.sqlite3")

    def execution(
        self,
        name: str,
        machine: str = PIPELINE,
        status: str = "SUCCEEDED",
        stopped: float = 100.0,
        **more: Any,
    ) -> str:
        """Lay down an execution; the id of its task."""
        journal = self.journal()
        arn = execution_arn(name, machine)
        ended = None if status == "RUNNING" else stopped
        given = str(more.get("input", "{}"))
        execution = Execution(arn, machine_arn(machine), name, "r", "{}", given, 50.0, status, ended)
        journal.add_execution(execution)
        journal.append((execution.number, 1, 0, 50.0, "ExecutionStarted", '{"input":"{}"}', ""))
        task = random.Random(arn).randbytes(16).hex()
        handle = {"service": "ecs", "task": task}
        journal.save_attempt(Attempt(execution.number, 1, f"t{arn}", False, handle, closed=True))
        if child := more.get("child"):
            handle = {"service": "states", "child": child}
            journal.save_attempt(Attempt(execution.number, 2, f"c{arn}", False, handle, closed=True))
        journal.close()
        (self.path / "tasks" / task / "git").mkdir(parents=True)
        (self.path / "tasks" / task / "git" / "log").write_text("log\n")
        return task

    def run(self, name: str, *, report: dict[str, Any] | None = None, bundles: int = 1, **more: Any) -> None:
        """Lay down a run with its folder."""
        self.execution(name, **more)
        folder = self.path / "store/runs" / name
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(json.dumps(PUSHED if report is None else report))
        for number in range(bundles):
            (folder / f"agent/attempts/{number}").mkdir(parents=True)
            (folder / f"agent/attempts/{number}/changes.bundle").write_bytes(b"x" * 1000)
        (self.path / "runners").mkdir(exist_ok=True)
        (self.path / f"runners/{name}.json").write_text("{}")

    def prune(self, *runs: str, dry_run: bool = False, **criteria: Any) -> Pruned:
        return prune(self.path, Criteria(runs, **criteria), dry_run=dry_run)

    def left(self) -> set[str]:
        """The names of executions that are there."""
        with closing(sqlite3.connect(self.path / "journal.sqlite3")) as connection:
            return {row[0] for row in connection.execute("SELECT name FROM executions")}

    def files(self) -> set[str]:
        """All but the journal and what locks."""
        found = (path for path in self.path.rglob("*") if path.is_file())
        names = (str(path.relative_to(self.path)) for path in found)
        return {name for name in names if not name.startswith(("journal", "engine.lock", "pruning.lock"))}

    def check_whole(self) -> None:
        """A run is there with all of it, or not at all."""
        names = self.left()
        assert {path.name for path in (self.path / "store/runs").iterdir()} == names
        assert {path.stem for path in (self.path / "runners").iterdir()} == names
        assert len(list((self.path / "tasks").iterdir())) == len(names)
        assert not (self.path / "pruning.json").exists()
        with closing(sqlite3.connect(self.path / "journal.sqlite3")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            numbers = connection.execute("SELECT number FROM executions").fetchall()
            for table in ("events", "attempts"):
                found = connection.execute(f"SELECT DISTINCT execution FROM {table} ORDER BY 1").fetchall()
                assert found == numbers


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_both_age_and_number_must_hold(home: Home) -> None:
    for number in range(6):
        home.run(f"r{number}", stopped=100.0 + number)
    assert home.prune(keep=4, stopped_before=101.5).runs == ["r1", "r0"]
    assert home.left() == {"r2", "r3", "r4", "r5"}
    assert home.prune(keep=4, stopped_before=1000.0).runs == []
    assert home.prune(keep=3).runs == ["r2"]
    done = home.prune(stopped_before=104.5)
    assert done.runs == ["r4", "r3"]
    assert done.bytes > 2000
    home.check_whole()


def test_a_dry_run_says_the_same_and_changes_nothing(home: Home) -> None:
    for number in range(3):
        home.run(f"r{number}")
    home.execution("x", "mine")
    files, left = home.files(), home.left()
    would = home.prune(keep=1, dry_run=True)
    assert (home.files(), home.left()) == (files, left)
    done = home.prune(keep=1)
    assert would == done
    assert (done.runs, done.others) == (["r1", "r0"], 0)


def test_a_run_that_has_not_ended_stays(home: Home) -> None:
    home.run("r", status="RUNNING")
    assert home.prune(stopped_before=1e12).runs == []
    with pytest.raises(UsageError, match="has not ended"):
        home.prune("r", with_work=True)
    with pytest.raises(NotFoundError):
        home.prune("none")
    home.check_whole()
    assert home.left() == {"r"}


WORK = {
    "not pushed": ({**PUSHED, "commit": None}, 1),
    "no report": ({}, 1),
    "left out": ({**PUSHED, "left_out": [{"path": "a"}]}, 1),
    "beside": ({**PUSHED, "kept": [{"name": "stash"}]}, 1),
    "as one": ({**PUSHED, "commits": [{"commit": "a"}, {"commit": "b"}]}, 1),
    "attempts": (PUSHED, 2),
}


@pytest.mark.parametrize("work", WORK)
def test_work_that_is_nowhere_else_goes_only_when_that_is_asked_for(home: Home, work: str) -> None:
    report, bundles = WORK[work]
    home.run("r", report=report, bundles=bundles)
    home.run("s", report=report, bundles=bundles)
    done = home.prune(stopped_before=1000.0)
    assert (done.runs, set(done.kept), done.with_work) == ([], {"r", "s"}, {})
    home.check_whole()
    done = home.prune("r")
    assert (done.runs, set(done.with_work)) == (["r"], {"r"}), "and it is said"
    done = home.prune(stopped_before=1000.0, with_work=True)
    assert (done.runs, set(done.with_work)) == (["s"], {"s"})
    assert home.left() == set()


@pytest.mark.parametrize(("report", "bundles"), [(PUSHED, 1), (None, 0), ({**PUSHED, "commit": None}, 0)])
def test_a_run_whose_work_is_pushed_or_that_has_none_goes(
    home: Home, report: dict[str, Any] | None, bundles: int
) -> None:
    home.run("r", report=report, bundles=bundles)
    assert home.prune(stopped_before=1000.0).runs == ["r"]
    assert home.files() == set()


def test_what_a_run_has_started_goes_with_it_and_by_itself_never(home: Home) -> None:
    login = execution_arn("l", LOGIN)
    home.execution("l", LOGIN, input=json.dumps({CHILD_MARK: execution_arn("r")}))
    home.run("r", child=login, status="ABORTED")
    home.execution("r_kept", KEEP)
    home.run("newest")
    home.execution("alone", LOGIN)
    done = home.prune(keep=1)
    assert (done.runs, done.others) == (["r"], 0)
    assert home.left() == {"newest", "alone"}
    assert home.prune(stopped_before=1000.0).others == 1


@pytest.mark.parametrize("machine", [LOGIN, KEEP])
def test_a_run_stays_while_something_that_belongs_to_it_is_under_way(home: Home, machine: str) -> None:
    name = "r_kept" if machine == KEEP else "l"
    given = json.dumps({"run_id": "r", CHILD_MARK: execution_arn("r")})
    home.execution(name, machine, status="RUNNING", input=given)
    home.run("r", child=execution_arn(name, machine), status="ABORTED")
    assert home.prune(stopped_before=1000.0).runs == []
    assert home.prune("r").busy == ["r"]
    assert home.left() == {name, "r"}


def test_a_run_whose_end_nobody_has_been_told_of_stays(home: Home) -> None:
    home.run("r", status="ABORTED")
    (home.path / "deliveries").mkdir()
    message = {"function": "f", "event": "{}", "token": "", "execution": execution_arn("r"), "redrives": 0}
    (home.path / "deliveries/end-1.json").write_text(json.dumps(message))
    assert home.prune(stopped_before=1000.0).runs == []


@pytest.mark.parametrize("name", ["..", "."])
def test_a_name_of_dots_leads_nowhere(home: Home, name: str) -> None:
    home.run("r")
    home.execution(name)
    done = home.prune(stopped_before=99.0)
    assert home.files() > {"store/runs/r/report.json"}
    done = home.prune(keep=1)
    assert done.runs == ["r"]
    done = home.prune(stopped_before=1000.0)
    assert done.others == 1
    assert (home.path / "store/runs").is_dir()


def test_executions_of_other_machines_go_by_their_own_number(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", "mine", "other")
    for number in range(4):
        home.execution(f"m{number}", "mine")
        home.execution(f"o{number}", "other", status="RUNNING" if number == 1 else "FAILED")
    done = home.prune(keep=2)
    assert (done.runs, done.others) == ([], 3)
    assert home.left() == {"m2", "m3", "o1", "o2", "o3"}


def test_more_than_an_engine_removes_at_once_goes_in_parts(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_MOST", 3)
    for number in range(5):
        home.run(f"r{number}")
        home.execution(f"r{number}_kept", KEEP)
    assert len(home.prune(stopped_before=1000.0).runs) == 5
    assert home.left() == set()


def test_two_at_a_time_do_not_meet(home: Home) -> None:
    with pruning._alone(home.path), pytest.raises(TemporaryError, match="Another"):
        home.prune(keep=1)


def test_a_note_of_rubbish_is_put_away(home: Home) -> None:
    home.run("r")
    for text in ("", "[1]", '[{"name": "r"}]', "{}", '{"a": 1}'):
        (home.path / "pruning.json").write_text(text)
        home.prune(keep=1)
        home.check_whole()


def test_a_run_that_is_under_way_again_does_not_keep_the_others(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        home.run(f"r{number}")
    plan = pruning._families

    def redriven_meanwhile(call: Any, batch: Any) -> Any:
        families = plan(call, batch)
        with closing(sqlite3.connect(home.path / "journal.sqlite3")) as connection:
            connection.execute("UPDATE executions SET status='RUNNING' WHERE name='r1'")
            connection.commit()
        return families

    monkeypatch.setattr(pruning, "_families", redriven_meanwhile)
    done = home.prune(stopped_before=1000.0)
    assert done.runs == ["r2", "r0"]
    assert home.left() == {"r1"}
    home.check_whole()


def _killing_between_files(at: int) -> None:
    """Let this process die at the nth folder that it removes."""
    remove, count = pruning.remove_tree, 0

    def removing(folder: Path) -> bool:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), 9)
        return remove(folder)

    pruning.remove_tree = removing


def _prune_small(home: Home, files: int = 0) -> None:
    pruning._BATCH = 2
    if files:
        _killing_between_files(files)
    home.prune(keep=2)


def _check_after_kill(home: Home) -> None:
    home.journal().close()
    done = home.prune(keep=2)
    assert home.left() == {"r4", "r5"}
    assert done.kept == {}
    home.check_whole()


def _laid_down(path: Path) -> Home:
    home = Home(path)
    for number in range(6):
        home.run(f"r{number}", stopped=100.0 + number)
    return home


@pytest.mark.parametrize("files", range(1, 9))
def test_a_kill_between_the_folders_leaves_no_part_of_a_run(tmp_path: Path, files: int) -> None:
    home = _laid_down(tmp_path / "home")
    assert killed_at(1_000_000, lambda: _prune_small(home, files))
    _check_after_kill(home)


@pytest.mark.exhaustive
def test_a_kill_at_any_statement_leaves_no_part_of_a_run(tmp_path: Path) -> None:
    statement, reached = 1, True
    while reached:
        home = _laid_down(tmp_path / str(statement))
        reached = killed_at(statement, lambda home=home: _prune_small(home))  # type: ignore[misc]
        _check_after_kill(home)
        statement += 1
    assert statement > 100


@pytest.mark.parametrize("statement", [5, 20, 40, 60, 80, 100, 120])
def test_a_kill_at_some_statement_leaves_no_part_of_a_run(tmp_path: Path, statement: int) -> None:
    home = _laid_down(tmp_path / "home")
    assert killed_at(statement, lambda: _prune_small(home))
    _check_after_kill(home)


if sys.version_info >= (3, 12):
    pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
