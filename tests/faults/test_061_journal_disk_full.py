"""Fault 61 for the engine's journal: the disk is full, or the file is not what it should be.

Expected: the journal is named and kept byte for byte; what was committed is taken up when there is room
again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import Bench, Scripted, hangs, task

from stepherd.engine.journal.database import Journal
from stepherd.errors import DataError, StorageError

PASS = {"A": {"Type": "Pass"}}


class FullJournal(Journal):
    """A journal on a disk without room: SQLite may not add a page."""

    def fill(self) -> None:
        pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
        self._connection.execute(f"PRAGMA max_page_count={pages}")

    def empty(self) -> None:
        self._connection.execute("PRAGMA max_page_count=1000000")


LARGE = "{% $join([1..6000].$string($random())) %}"
"""More than 100 KB, and hardly less when it is deflated."""
LONG: dict[str, Any] = {
    "A": {"Type": "Wait", "Seconds": 5, "Output": LARGE, "Next": "B"},
    "B": task(),
}


ONLY_PASSING: dict[str, Any] = {
    "A": {"Type": "Wait", "Seconds": 5, "Next": "B"},
    "B": {"Type": "Pass", "Output": LARGE, "Next": "C"},
    "C": {"Type": "Wait", "Seconds": 5},
}


@pytest.mark.parametrize("states", [LONG, ONLY_PASSING], ids=["before a task", "at the end of a turn"])
def test_a_full_disk_stops_the_engine_in_words_and_nothing_is_lost(
    tmp_path: Path, states: dict[str, Any]
) -> None:
    path = tmp_path / "journal.sqlite3"

    async def fill() -> None:
        journal = FullJournal(path)
        fake = Scripted({"x": 1})
        bench = Bench(tmp_path, {"lambda": fake}, journal=journal, automatic=False)
        async with bench:
            arn = bench.start(states)
            await bench.clock.advance(1)
            journal.fill()
            await bench.clock.advance(4)
            assert isinstance(bench.engine.failure, StorageError)
            assert str(path) in bench.engine.failure.message
            assert "full" in bench.engine.failure.message
            assert bench.engine.failure.remedy
            assert fake.calls == [], "nothing is started that is not written down"
            with pytest.raises(StorageError):
                bench.call("DescribeExecution", executionArn=arn)

    async def go_on() -> None:
        fake = Scripted({"x": 1})
        async with Bench(tmp_path, {"lambda": fake}, start=1_750_000_100.0) as bench:
            (arn,) = bench.resumed
            done = await bench.finish(arn)
            done.check_whole()
            assert done.status == "SUCCEEDED"
            assert len(fake.calls) == (1 if states is LONG else 0)

    asyncio.run(fill())
    asyncio.run(go_on())


def test_a_start_that_finds_no_room_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        journal = FullJournal(tmp_path / "journal.sqlite3")
        async with Bench(tmp_path, journal=journal) as bench:
            machine = bench.machine(PASS)
            journal.fill()
            with pytest.raises(StorageError) as caught:
                bench.call("StartExecution", stateMachineArn=machine, name="n", input=f'"{"x" * 200_000}"')
            assert "journal.sqlite3" in caught.value.message
            journal.empty()
            arn = bench.call("StartExecution", stateMachineArn=machine, name="n")["executionArn"]
            assert (await bench.finish(arn)).status == "SUCCEEDED"

    asyncio.run(run())


def _sqlite(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()


def _flip(path: Path) -> None:
    """Damage pages that hold rows."""
    data = bytearray(path.read_bytes())
    for at in range(4096, len(data), 512):
        data[at : at + 64] = b"\xff" * 64
    path.write_bytes(bytes(data))


DAMAGES: dict[str, Any] = {
    "not a database": lambda path: path.write_text("hello, I am something else entirely\n" * 50),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "flipped": _flip,
    "another program's": lambda path: _sqlite(path, "PRAGMA application_id=7"),
    "newer": lambda path: _sqlite(path, "PRAGMA user_version=99"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_corrupt_journal_is_named_and_kept(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "journal.sqlite3"

    async def fill() -> None:
        async with Bench(tmp_path) as bench:
            for number in range(20):
                await bench.run(PASS, f'"{"x" * 3000}"', name=f"e{number}")

    asyncio.run(fill())
    DAMAGES[damage](path)
    damaged = path.read_bytes()

    with pytest.raises(DataError) as caught:
        Journal(path)

    assert str(path) in caught.value.message
    assert "it was not changed" in caught.value.message
    assert caught.value.remedy
    assert path.read_bytes() == damaged


def test_a_journal_in_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError) as caught:
        Journal(tmp_path / "file" / "journal.sqlite3")
    assert "cannot be written" in caught.value.message


def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    path.touch()

    Journal(path).close()
    journal = Journal(path)
    assert journal.executions(None, None, None, -1) == []
    journal.close()


def test_an_engine_that_gave_up_lets_its_jobs_live_to_be_adopted(tmp_path: Path) -> None:
    async def run() -> None:
        journal = FullJournal(tmp_path / "journal.sqlite3")
        fake = Scripted(hangs)
        async with Bench(tmp_path, {"lambda": fake}, journal=journal, automatic=False) as bench:
            bench.start({"T": task()})
            await bench.until(lambda: fake.calls)
            bench.engine._give_up(StorageError("full"))
            await bench.engine.quiet()
            assert fake.stopped == []

    asyncio.run(run())


LIMITED = """
import resource, signal, sys
from pathlib import Path
from stepherd.engine.journal.database import Journal
from stepherd.errors import StepherdError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    Journal(Path(sys.argv[1]))
except StepherdError as error:
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("room", [0, 2000, 4096, 8192, 20_000, 40_000])
def test_a_journal_whose_making_found_no_room_is_made_when_there_is_some(tmp_path: Path, room: int) -> None:
    """Whatever it left of its file does no harm: there is nothing in it."""
    path = tmp_path / "journal.sqlite3"
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path), str(room)], check=False)
    assert done.returncode == StorageError.exit_code
    assert Journal(path).machines() == []


def test_a_database_of_something_else_is_no_journal_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("CREATE TABLE mine (x)")
        theirs.commit()
    before = path.read_bytes()
    with pytest.raises(DataError, match="not a journal"):
        Journal(path)
    assert path.read_bytes() == before
