"""Texts kept once, rows found by an index, and journals of the first version."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.journal_files import write_first_version
from tests.killed_at_statements import killed_at
from tests.unit.engine.journal.test_clean_end import filled

from stepherd.engine.journal import schema
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.records import Attempt, Execution

DEFINITIONS = ["{}" + " " * 30_000, '{"StartAt": "A"}' + " " * 20_000]
MACHINE = "arn:m"


def old_commits(count: int) -> list[dict[str, list[Any]]]:
    """Executions of a journal of the first version, every third of them running; one commit."""
    executions = [
        [
            *(number, f"arn:e:{number}", MACHINE, f"e{number}", "arn:r", DEFINITIONS[number % 2], '{"n":1}'),
            *(1000.0 + number, "RUNNING" if number % 3 == 0 else "FAILED", None, None, "E", "C", 1, 5.0),
            *("{}", None),
        ]
        for number in range(1, count + 1)
    ]
    events = [[number, 1, 0, 1.0, "ExecutionStarted", '{"input":"{}"}', ""] for number in range(1, count + 1)]
    attempts = [[f"t{number}", number, 1, 0, "{}", None, None, 1] for number in range(1, count + 1)]
    return [{"executions": executions, "events": events, "attempts": attempts}]


def check_moved(path: Path, count: int) -> None:
    """All executions are there as they were, with their events and definitions, each kept once."""
    journal = Journal(path)
    listed = journal.executions(MACHINE, None, None, -1)
    assert [one.number for one in listed] == list(range(count, 0, -1))
    for one in listed:
        found = journal.execution(one.arn)
        assert found
        assert found.definition == DEFINITIONS[one.number % 2]
        assert (found.input, found.error, found.cause, found.redrives) == ('{"n":1}', "E", "C", 1)
        assert [event.facts for event in journal.events(one.number)] == [{"input": "{}"}]
    new = Execution("arn:new", MACHINE, "new", "arn:r", DEFINITIONS[0], "{}", 1.0)
    journal.add_execution(new)
    assert new.number > count, "numbers are never used again"
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM definitions").fetchone()[0] == 2
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        assert "executions_of_1" not in tables


@pytest.mark.parametrize("count", [1, 199, 200, 201, 1001])
def test_a_journal_of_the_first_version_is_brought_to_this_one(tmp_path: Path, count: int) -> None:
    path = tmp_path / "journal.sqlite3"
    write_first_version(path, old_commits(count))
    before = path.stat().st_size
    check_moved(path, count)
    if count > 10:
        assert path.stat().st_size < before / 10


def _in_small_steps(path: Path) -> Callable[[], object]:
    def work() -> None:
        schema._BATCH = 3
        Journal(path)

    return work


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.exhaustive), 7])
def test_a_kill_at_any_statement_of_the_way_loses_nothing(tmp_path: Path, every: int) -> None:
    """Killed again and again at another statement, until the way is gone to its end."""
    statement, count = 1, 10
    reached = True
    while reached:
        path = tmp_path / f"{statement}" / "journal.sqlite3"
        path.parent.mkdir()
        write_first_version(path, old_commits(count))
        reached = killed_at(statement, _in_small_steps(path))
        killed_at(15, _in_small_steps(path))
        check_moved(path, count)
        statement += every
    assert statement > 40


def test_a_journal_that_is_half_way_is_refused_by_the_version_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    write_first_version(path, old_commits(10))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema._begin(connection)
        assert connection.execute("PRAGMA user_version").fetchone()[0] > 1
    check_moved(path, 10)


def test_a_definition_is_kept_once_for_all_its_executions(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    for opened in range(3):
        journal = Journal(path)
        for number in range(5):
            name = f"{opened}-{number}"
            journal.add_execution(Execution(f"arn:{name}", MACHINE, name, "r", DEFINITIONS[0], "{}", 1.0))
        found = journal.execution(f"arn:{opened}-4")
        assert found
        assert found.definition == DEFINITIONS[0]
        journal.close()
    assert path.stat().st_size < 5 * len(DEFINITIONS[0])


QUERIES: dict[str, Callable[[Journal], object]] = {
    "a machine's executions": lambda journal: journal.executions(MACHINE, None, None, 20),
    "those of a status": lambda journal: journal.executions(MACHINE, "FAILED", 9, 20),
    "running": lambda journal: journal.running(),
    "orphans": lambda journal: journal.orphans(),
    "events": lambda journal: journal.events(1, reverse=True, limit=5),
    "attempts": lambda journal: journal.attempts_of("arn:e:1"),
}


@pytest.mark.parametrize("query", QUERIES)
def test_what_every_command_asks_reads_no_whole_table_and_sorts_nothing(tmp_path: Path, query: str) -> None:
    journal = filled(tmp_path / "journal.sqlite3")
    asked: list[str] = []
    journal._connection.set_trace_callback(asked.append)
    QUERIES[query](journal)
    journal._connection.set_trace_callback(None)
    plans = [row[3] for sql in asked for row in journal._connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert plans
    assert [plan for plan in plans if "SCAN" in plan and "USING" not in plan] == []
    assert [plan for plan in plans if "B-TREE" in plan and query != "attempts"] == []
    journal.close()


def test_an_attempt_that_is_being_stopped_is_an_orphan_once(tmp_path: Path) -> None:
    journal = filled(tmp_path / "journal.sqlite3")
    journal.save_attempt(Attempt(1, 1, "t1", False, {"stopping": True}))
    journal.save_attempt(Attempt(1, 2, "t2", False, {}))
    assert [attempt.token for attempt in journal.orphans()] == ["t1"]
    (execution,) = journal.running()
    execution.status = "FAILED"
    journal.save_execution(execution)
    assert sorted(attempt.token for attempt in journal.orphans()) == ["t1", "t2"]
    journal.close()


if sys.version_info >= (3, 12):
    pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
