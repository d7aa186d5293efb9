"""A journal is read through when it is opened only where it may have been damaged since it was closed."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stepherd.engine.journal import opening
from stepherd.engine.journal.clock import TurnableClock
from stepherd.engine.journal.database import Journal
from stepherd.engine.journal.history import Recorder
from stepherd.engine.journal.records import Execution, Machine
from stepherd.errors import DataError

ARN = "arn:aws:states:us-east-1:000000000000:execution:M:e"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The journals that were read through."""
    read: list[Path] = []
    check = opening._check_pages

    def noting(connection: sqlite3.Connection, path: Path) -> None:
        read.append(path)
        check(connection, path)

    monkeypatch.setattr(opening, "_check_pages", noting)
    return read


def filled(path: Path) -> Journal:
    """An open journal with one execution and some events."""
    journal = Journal(path)
    journal.add_machine(Machine("arn:m", "M", "{}", "arn:r", 1.0))
    execution = Execution(ARN, "arn:m", "e", "arn:r", "{}", "{}", 1.0)
    journal.add_execution(execution)
    recorder = Recorder(journal, TurnableClock(), execution.number)
    for number in range(50):
        recorder.emit("PassStateEntered", {"name": f"S{number}", "input": os.urandom(300).hex()}, 0, "")
    journal.flush()
    return journal


def test_a_journal_that_was_closed_is_not_read_through_again(tmp_path: Path, checks: list[Path]) -> None:
    path = tmp_path / "journal.sqlite3"
    filled(path).close()
    for _ in range(3):
        journal = Journal(path)
        assert journal.execution(ARN)
        journal.close()
    assert checks == []


def test_one_whose_engine_was_killed_is_read_through_once(tmp_path: Path, checks: list[Path]) -> None:
    path = tmp_path / "journal.sqlite3"
    filled(path).close()
    journal = Journal(path)
    journal.add_machine(Machine("arn:n", "N", "{}", "arn:r", 1.0))
    journal.flush()
    killed = tmp_path / "killed"
    killed.mkdir()
    for file in tmp_path.glob("journal.sqlite3*"):  # As a kill leaves them, with a log that is not taken in.
        shutil.copy2(file, killed)
    journal.close()
    for _ in range(2):
        Journal(killed / path.name).close()
    assert checks == [killed / path.name]


def test_a_log_that_lies_beside_it_is_as_good_as_a_kill(tmp_path: Path, checks: list[Path]) -> None:
    path = tmp_path / "journal.sqlite3"
    filled(path).close()
    (tmp_path / "journal.sqlite3-wal").write_bytes(b"\0" * 100)
    Journal(path).close()
    assert checks == [path]


def test_any_other_hand_on_the_file_has_it_read_through(tmp_path: Path, checks: list[Path]) -> None:
    path = tmp_path / "journal.sqlite3"
    filled(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("DELETE FROM machines")
        other.commit()
    Journal(path).close()
    assert checks == [path]


def test_damage_that_keeps_length_and_time_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    filled(path).close()
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xff" * len(content[4096 * 2 :])
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match="it was not changed"):
        Journal(path)


def test_a_copy_that_was_put_back_is_read_through(tmp_path: Path, checks: list[Path]) -> None:
    path = tmp_path / "journal.sqlite3"
    filled(path).close()
    shutil.copy2(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    Journal(path).close()
    assert checks == [path]


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\xff\xfe", b"1 2 3 4"])
def test_a_mark_that_says_nothing_is_no_mark(tmp_path: Path, content: bytes, checks: list[Path]) -> None:
    path = tmp_path / "journal.sqlite3"
    filled(path).close()
    (tmp_path / "journal.sqlite3.closed").write_bytes(content)
    Journal(path).close()
    assert checks == [path]


def test_it_is_read_through_when_that_is_asked_for(tmp_path: Path, checks: list[Path]) -> None:
    path = tmp_path / "journal.sqlite3"
    filled(path).close()
    Journal(path, check=True).close()
    assert checks == [path]


def test_a_look_beside_a_live_engine_neither_reads_through_nor_marks(
    tmp_path: Path, checks: list[Path]
) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = filled(path)
    beside = Journal(path, alone=False)
    assert beside.execution(ARN)
    beside.close()
    assert checks == []
    assert not (tmp_path / "journal.sqlite3.closed").exists()
    journal.close()


def test_only_its_owner_may_read_the_mark(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    filled(path).close()
    assert (tmp_path / "journal.sqlite3.closed").stat().st_mode & 0o777 == 0o600
