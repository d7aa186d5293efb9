"""Reading the logs of tasks: as they grow, whole lines only, in bounded memory."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from stepherd.backends.home.logs import TaskLogs


def submitted(number: int, state: str, task: str) -> list[dict[str, Any]]:
    answer = {"Tasks": [{"TaskArn": f"arn:aws:ecs:r:a:task/c/{task}", "Containers": [{"Name": "git"}]}]}
    return [
        {"id": number, "timestamp": 1.0, "previousEventId": number - 1, "type": "TaskStateEntered",
         "stateEnteredEventDetails": {"name": state}},
        {"id": number + 1, "timestamp": 1.0, "previousEventId": number, "type": "TaskScheduled"},
        {"id": number + 2, "timestamp": 1.0, "previousEventId": number + 1, "type": "TaskSubmitted",
         "taskSubmittedEventDetails": {"resourceType": "ecs", "output": json.dumps(answer)}},
    ]  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "tasks" / "one" / "git" / "log"
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def logs(tmp_path: Path) -> TaskLogs:
    found = TaskLogs(tmp_path)
    found.learn(submitted(1, "Clone", "one"))
    return found


def texts(logs: TaskLogs, *, final: bool = False) -> list[str]:
    return [line.text for line in logs.new(final=final)]


def test_a_log_that_is_not_there_yet_has_no_lines(logs: TaskLogs) -> None:
    assert texts(logs) == []
    assert list(logs.states) == ["Clone"]


def test_tasks_are_of_the_state_before_them_where_the_history_names_no_event_before(tmp_path: Path) -> None:
    events = submitted(1, "Clone", "one")
    for event in events:
        del event["previousEventId"]
    found = TaskLogs(tmp_path)
    found.learn(events)
    assert list(found.states) == ["Clone"]


def test_a_growing_file_is_read_on_and_a_line_only_when_it_is_whole(logs: TaskLogs, log: Path) -> None:
    log.write_text("first\nsec")
    assert texts(logs) == ["first"]
    with log.open("a") as file:
        file.write("ond\nthi")
    assert texts(logs) == ["second"]
    assert texts(logs) == []
    assert texts(logs, final=True) == ["thi"]
    assert texts(logs, final=True) == []


def test_a_character_cut_in_two_by_a_read_is_whole_again(logs: TaskLogs, log: Path) -> None:
    log.write_bytes("é".encode()[:1])
    assert texts(logs) == []
    with log.open("ab") as file:
        file.write("é".encode()[1:] + b"\n")
    assert texts(logs) == ["é"]


def test_a_line_of_50_mb_is_cut_and_takes_no_memory(logs: TaskLogs, log: Path) -> None:
    with log.open("wb") as file:
        file.writelines(b"x" * 1_000_000 for _ in range(50))
        file.write(b"\nafter\n")
    tracemalloc.start()
    found = texts(logs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(text) for text in found] == [8_000 + len(" … (cut)"), len("after")]
    assert peak < 8_000_000


def test_the_last_lines_of_a_long_log_are_found_at_its_end(logs: TaskLogs, log: Path) -> None:
    log.write_text("".join(f"line {number}\n" for number in range(300_000)))
    assert [line.text for line in logs.last(2, final=False)] == ["line 299998", "line 299999"]
    with log.open("a") as file:
        file.write("one more\n")
    assert texts(logs) == ["one more"]


def test_the_last_lines_reach_over_tasks_and_none_are_none(logs: TaskLogs, log: Path, tmp_path: Path) -> None:
    log.write_text("clone 1\nclone 2\n")
    other = tmp_path / "tasks" / "two" / "git" / "log"
    other.parent.mkdir(parents=True)
    other.write_text("push 1\n")
    logs.learn(submitted(4, "Push", "two"))
    assert [(line.state, line.text) for line in logs.last(2, final=True)] == [
        ("Clone", "clone 2"),
        ("Push", "push 1"),
    ]
    assert logs.last(0, final=True) == []


def test_only_one_state_is_read_where_one_is_named(tmp_path: Path, log: Path) -> None:
    log.write_text("text\n")
    logs = TaskLogs(tmp_path, only="Push")
    logs.learn(submitted(1, "Clone", "one"))
    assert texts(logs) == []
    assert list(logs.states) == ["Clone"]


def test_a_task_of_a_redrive_is_of_the_state_that_goes_on(tmp_path: Path) -> None:
    logs = TaskLogs(tmp_path)
    events = [
        *submitted(1, "Clone", "one"),
        {
            "id": 4,
            "timestamp": 1.0,
            "previousEventId": 3,
            "type": "TaskStateExited",
            "stateExitedEventDetails": {"name": "Clone"},
        },
        *submitted(5, "RunAgent", "two"),
        {"id": 8, "timestamp": 1.0, "previousEventId": 3, "type": "ExecutionAborted"},
        {"id": 9, "timestamp": 1.0, "previousEventId": 8, "type": "ExecutionRedriven"},
        {**submitted(9, "x", "three")[1], "id": 10, "previousEventId": 9},
        {**submitted(9, "x", "three")[2], "id": 11, "previousEventId": 10},
    ]
    logs.learn(events)
    assert list(logs.states) == ["Clone", "RunAgent"]
    assert [task for state, task in _by_state(logs) if state == "RunAgent"] == ["two", "three"]


def _by_state(logs: TaskLogs) -> list[tuple[str, str]]:
    return [(file.state, file.path.parts[-3]) for file in logs._files.values()]
