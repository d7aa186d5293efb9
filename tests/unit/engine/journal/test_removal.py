"""Executions that are removed: at once from what is seen, bit by bit from the file, however it is killed."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.killed_at_statements import killed_at

from stepherd.engine.journal import removal
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.records import CHILD_MARK, Attempt, Execution

MACHINE = "arn:m"
EVENTS = 120


def fill(path: Path, count: int, *, events: int = EVENTS, status: str = "SUCCEEDED") -> Journal:
    """An open journal with executions that ended, each with events, an attempt and its own definition."""
    journal = Journal(path)
    for number in range(count):
        execution = Execution(f"arn:{number}", MACHINE, f"e{number}", "r", f"{{}} {number}", "{}", 100.0)
        journal.add_execution(execution)
        execution.status, execution.stopped = status, 100.0 + number
        journal.save_execution(execution)
        for event in range(1, events + 1):
            row = (execution.number, event, event - 1, 1.0, "PassStateEntered", os.urandom(200).hex(), "")
            journal.append(row)
        journal.save_attempt(Attempt(execution.number, 1, f"t{number}", False, {}, closed=True))
    journal.flush()
    return journal


def numbers(journal: Journal) -> list[int]:
    return [one.number for one in journal.executions(MACHINE, None, None, -1)]


def clean(journal: Journal) -> int:
    """Clean up to the end, in the smallest steps; how many that took."""
    steps = 1
    while journal.clean_up(0):
        steps += 1
    return steps


def rows_of(path: Path, table: str) -> list[int]:
    column = "execution" if table in ("events", "attempts") else "number"
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute(f"SELECT DISTINCT {column} FROM {table} ORDER BY 1")]


def test_what_is_removed_is_gone_at_once_and_the_file_grows_short(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = fill(path, 20)
    journal.close()
    before = path.stat().st_size
    journal = Journal(path)
    journal.remove(numbers(journal)[2:])
    assert numbers(journal) == [20, 19]
    assert journal.execution("arn:0") is None
    clean(journal)
    assert path.stat().st_size < before / 4, "also while the engine has it open"
    found = journal.execution("arn:19")
    assert found
    assert found.definition == "{} 19"
    assert len(journal.events(20)) == EVENTS
    journal.close()
    assert rows_of(path, "events") == rows_of(path, "attempts") == [19, 20]
    assert rows_of(path, "definitions") == [19, 20]


def test_no_step_removes_more_than_some_rows(tmp_path: Path) -> None:
    journal = fill(tmp_path / "journal.sqlite3", 1, events=5_000)
    journal.remove(numbers(journal))
    left = len(journal.events(1))
    while left:
        journal.clean_up(0)
        now = len(journal.events(1))
        assert left - now <= removal._ROWS
        left = now
    journal.close()


def test_a_number_is_not_used_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = fill(path, 3)
    journal.remove(numbers(journal))
    journal.close()
    journal = Journal(path)
    new = Execution("arn:0", MACHINE, "e0", "r", "{}", "{}", 1.0)
    journal.add_execution(new)
    assert new.number > 3
    assert journal.events(new.number) == []
    journal.close()


def test_a_definition_that_was_removed_is_kept_again_for_the_next(tmp_path: Path) -> None:
    journal = fill(tmp_path / "journal.sqlite3", 1)
    journal.remove(numbers(journal))
    clean(journal)
    journal.add_execution(Execution("arn:new", MACHINE, "new", "r", "{} 0", "{}", 1.0))
    found = journal.execution("arn:new")
    assert found
    assert found.definition == "{} 0"
    journal.close()


def test_those_that_have_ended_are_found_by_age_and_number(tmp_path: Path) -> None:
    journal = fill(tmp_path / "journal.sqlite3", 10)
    child = Execution("arn:c", MACHINE, "c", "r", "{}", f'{{"{CHILD_MARK}":"arn:0"}}', 1.0, "FAILED", 1.0)
    journal.add_execution(child)
    journal.add_execution(Execution("arn:r", MACHINE, "r", "r", "{}", "{}", 1.0))

    def found(keep: int, stopped: float | None, before: int | None = None, limit: int = -1) -> list[int]:
        return [one.number for one in journal.ended(MACHINE, keep, stopped, before, limit)]

    assert found(0, None) == list(range(10, 0, -1)), "neither the running one nor the child"
    assert found(5, None) == list(range(7, 0, -1))
    assert found(0, 103.0) == [3, 2, 1]
    assert found(11, 103.0) == [1]
    assert found(100, None) == []
    assert found(0, None, before=4, limit=2) == [3, 2]
    journal.close()


def _remove_all_but_two(path: Path) -> Callable[[], object]:
    def work() -> None:
        removal._ROWS, removal._PAGES = 50, 8
        journal = Journal(path)
        journal.remove(numbers(journal)[2:])
        clean(journal)
        journal.close()

    return work


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.exhaustive), 11])
def test_a_kill_at_any_statement_leaves_it_whole(tmp_path: Path, every: int) -> None:
    statement, reached = 1, True
    while reached:
        path = tmp_path / f"{statement}" / "journal.sqlite3"
        fill(path, 4).close()
        reached = killed_at(statement, _remove_all_but_two(path))
        journal = Journal(path, check=True)
        assert numbers(journal) in ([4, 3, 2, 1], [4, 3])
        for number in numbers(journal):
            assert len(journal.events(number)) == EVENTS
            found = journal.execution(f"arn:{number - 1}")
            assert found
            assert found.definition == f"{{}} {number - 1}"
        journal.remove(numbers(journal)[2:])
        clean(journal)
        journal.close()
        assert rows_of(path, "events") == rows_of(path, "definitions") == [3, 4]
        assert rows_of(path, "removed") == []
        statement += every
    assert statement > 30


if sys.version_info >= (3, 12):
    pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
