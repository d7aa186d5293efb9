"""Promises of the local queue alone: processes, waiting, clocks and damaged files."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stepherd.errors import StorageError
from stepherd.services.queues import rows as queue_rows
from stepherd.services.queues.contract import Queue, ReceiptExpired
from stepherd.services.queues.opening import open_queue
from stepherd.services.sqlite_errors import sqlite_error


@pytest.fixture
def reference(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/new%20folder/queues.db#input"


@pytest.fixture
def queue(reference: str) -> Queue:
    return open_queue(reference)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(queue_rows, "time", clock)
    return clock


def test_the_file_is_private(queue: Queue, tmp_path: Path) -> None:
    queue.send("a")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new folder").iterdir()}
    assert modes == {0o600}


def test_queues_of_one_file_are_apart(queue: Queue, reference: str) -> None:
    queue.send("a")
    assert open_queue(reference.replace("#input", "#output")).receive() == []


def test_messages_outlive_the_process(queue: Queue, reference: str) -> None:
    queue.send("a")
    assert [message.body for message in open_queue(reference).receive()] == ["a"]


def test_a_message_comes_again_when_its_time_is_over(queue: Queue, clock: Clock) -> None:
    queue.send("a")
    (first,) = queue.receive(visibility_seconds=30)
    clock.now += 29.9
    assert queue.receive() == []
    clock.now += 0.1
    (second,) = queue.receive()
    assert second.attempts == 2
    with pytest.raises(ReceiptExpired, match="no longer"):
        queue.delete(first.receipt)
    with pytest.raises(ReceiptExpired):
        queue.extend(first.receipt, 10)
    queue.delete(second.receipt)


def test_a_clock_set_back_repeats_a_delivery_and_loses_none(queue: Queue, clock: Clock) -> None:
    queue.send("a")
    queue.receive(visibility_seconds=43_200)
    clock.now -= 3_600
    assert [message.body for message in queue.receive()] == ["a"]


def test_a_duplicate_of_what_is_done_is_not_done_again(queue: Queue) -> None:
    first = queue.send("a", deduplication_id="d")
    (message,) = queue.receive()
    queue.delete(message.receipt)
    assert queue.send("a", deduplication_id="d") == first
    assert queue.receive() == []


def test_a_duplicate_is_a_new_message_after_five_minutes(queue: Queue, clock: Clock) -> None:
    first = queue.send("a", deduplication_id="d")
    clock.now += 301
    assert queue.send("a", deduplication_id="d") != first


def test_a_waiting_receiver_gets_a_message_soon_after_it_is_sent(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[float] = []
    looked = threading.Event()
    next_due = queue_rows.next_due

    def look(database: sqlite3.Connection, name: str) -> float:
        looked.set()
        return next_due(database, name)

    monkeypatch.setattr(queue_rows, "next_due", look)

    def receive() -> None:
        assert queue.receive(wait_seconds=30)
        received.append(time.monotonic())

    receiver = threading.Thread(target=receive)
    receiver.start()
    assert looked.wait(30)
    queue.send("a")
    sent = time.monotonic()
    receiver.join()
    assert received[0] - sent < 10


def test_a_waiting_receiver_gets_a_message_whose_time_is_over(queue: Queue) -> None:
    queue.send("a")
    queue.receive(visibility_seconds=1)
    start = time.monotonic()
    assert queue.receive(wait_seconds=30)
    assert time.monotonic() - start < 5


def test_waiting_ends_in_time_and_costs_next_to_nothing(queue: Queue) -> None:
    start, work = time.monotonic(), time.thread_time()
    assert queue.receive(wait_seconds=1) == []
    assert 0.95 < time.monotonic() - start < 10
    assert time.thread_time() - work < 0.1


CONSUME = """
import sys
from stepherd.services.queues.opening import open_queue
queue = open_queue(sys.argv[1])
while messages := queue.receive(wait_seconds=2, max_messages=3):
    for message in messages:
        print(message.group, message.body, message.attempts, flush=True)
        queue.delete(message.receipt)
"""


def test_several_processes_share_a_queue_and_each_message_is_handled_once(
    queue: Queue, reference: str
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    consumers = [
        subprocess.Popen(
            [sys.executable, "-c", CONSUME, reference], stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(3)
    ]
    for number in range(150):
        queue.send(str(number), group=str(number % 4) if number % 2 else None)
    lines = [line.split() for consumer in consumers for line in consumer.communicate()[0].splitlines()]
    assert [consumer.returncode for consumer in consumers] == [0, 0, 0]
    assert sorted(int(body) for _, body, _ in lines) == list(range(150))
    assert {attempts for _, _, attempts in lines} == {"1"}


SEND_AT_ONCE = """
import sys
from stepherd.services.queues import sqlite as queues_sqlite
from stepherd.services.queues.opening import open_queue
print(flush=True)
sys.stdin.read()
open_queue(sys.argv[1]).send("x")
"""


def test_several_processes_make_a_queue_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    references = [f"sqlite://{tmp_path}/{number % 3}.db#input" for number in range(12)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SEND_AT_ONCE, reference],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for reference in references
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "\n"
    for process in processes:  # closing their standard input starts them all
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert [len(open_queue(reference).receive(max_messages=10)) for reference in references[:3]] == [4] * 3


@pytest.mark.parametrize("content", [b"this is no database " * 100, b"SQLite format 3\0" + b"\xff" * 4_000])
def test_a_damaged_file_is_named_and_left_as_it_is(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "queues.db"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"queues\.db.*damaged"):
        open_queue(f"sqlite://{path}#input")
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/queues\.db"):
        open_queue(f"sqlite://{tmp_path}/file/queues.db#input")


def test_a_database_that_is_full_says_so(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "full.db")
    try:
        database.execute("CREATE TABLE t (x)")
        database.execute("PRAGMA max_page_count = 3")
        with pytest.raises(sqlite3.Error) as caught:
            database.execute("INSERT INTO t VALUES (?)", ("x" * 100_000,))
    finally:
        database.close()
    error = sqlite_error(caught.value, tmp_path / "full.db")
    assert isinstance(error, StorageError)
    assert "full.db' failed: the disk is full" in error.message
