"""The logs of a stack's tasks, with the odd pages of GetLogEvents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.unit.backends.home.test_logs import submitted

from stepherd.application import application_root
from stepherd.backends.log_reader import LogReader
from stepherd.backends.stack.logs import StackLogs
from stepherd.errors import CredentialsError
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.services.aws.log_streams import LogStreams
from stepherd.services.store.opening import open_store


class Logs:
    """CloudWatch Logs: answers with few lines at a time, and with empty pages in between."""

    def __init__(self, streams: dict[str, list[str]], page: int = 2) -> None:
        self.streams = streams
        self._page = page

    def get_log_events(self, **asked: Any) -> Any:
        lines = self.streams.get(asked["logStreamName"])
        if lines is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetLogEvents")
        head = asked["startFromHead"]
        token = asked.get("nextToken") or ("f/0/new" if head else f"b/{len(lines)}/new")
        direction, position, age = token.split("/")
        at, most = int(position), min(asked["limit"], self._page)
        begin, end = (at, min(len(lines), at + most)) if direction == "f" else (max(0, at - most), at)
        if age == "new" and head:
            end = begin  # The first page is empty, and not the end.
        events = [{"timestamp": 1, "message": line} for line in lines[begin:end]]
        same = not events and age != "new"
        forward = token if same and direction == "f" else f"f/{end}/old"
        backward = token if same and direction == "b" else f"b/{begin}/old"
        return {"events": events, "nextForwardToken": forward, "nextBackwardToken": backward}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The run folder."""
    return run_folder(open_store(str(tmp_path)), "run_1")


def a_log(folder: RunFolder, streams: dict[str, list[str]], only: str | None = None) -> StackLogs:
    logs = StackLogs(LogStreams(Logs(streams), "group"), folder, only)
    logs.learn([*submitted(1, "Clone", "one"), *submitted(4, "Push", "two")])
    return logs


def texts(lines: Any) -> list[str]:
    return [line.text for line in lines]


def test_the_last_lines_are_read_from_the_end_and_go_on_from_there(folder: RunFolder) -> None:
    streams = {"git/git/one": [f"a{n}" for n in range(9)], "git/git/two": ["b0", "b1", "b2"]}
    logs = a_log(folder, streams)
    assert texts(logs.last(5, final=False)) == ["a7", "a8", "b0", "b1", "b2"]
    assert texts(logs.new(final=False)) == []
    streams["git/git/two"].append("b3")
    assert texts(logs.new(final=True)) == ["b3"]


def test_no_line_is_lost_over_empty_pages_and_streams_that_come_late(folder: RunFolder) -> None:
    streams: dict[str, list[str]] = {"git/git/one": [f"a{n}" for n in range(7)]}
    logs = a_log(folder, streams)
    assert texts(logs.last(100, final=False)) == [f"a{n}" for n in range(7)]
    streams["git/git/two"] = [f"b{n}" for n in range(5)]
    assert texts(logs.new(final=False)) == [f"b{n}" for n in range(5)]


def test_none_of_the_last_lines_may_be_wanted(folder: RunFolder) -> None:
    logs = a_log(folder, {"git/git/one": ["a"]})
    assert texts(logs.last(0, final=False)) == []
    assert texts(logs.new(final=False)) == []


def test_one_state_alone(folder: RunFolder) -> None:
    logs = a_log(folder, {"git/git/one": ["a"], "git/git/two": ["b"]}, only="Push")
    assert texts(logs.last(9, final=True)) == ["b"]
    assert list(logs.states) == ["Clone", "Push"]


def test_a_task_that_the_history_left_out_is_passed_over(folder: RunFolder) -> None:
    logs = StackLogs(LogStreams(Logs({}), "group"), folder)
    details = {"resourceType": "ecs", "outputDetails": {"truncated": True}}
    logs.learn(
        [
            {
                "id": 1,
                "timestamp": 1.0,
                "previousEventId": 0,
                "type": "TaskSubmitted",
                "taskSubmittedEventDetails": details,
            }
        ]
    )
    assert logs.last(9, final=True) == []


def test_the_group_is_called_as_the_template_calls_it() -> None:
    template = (application_root() / "template.yaml").read_text()
    assert "LogGroupName: !Sub /stepherd/${AWS::StackName}/tasks" in template
    for container in ("git", "agent"):
        assert f"awslogs-stream-prefix: {container}\n" in template


def an_event(text: str, source: str = "agent") -> bytes:
    return json.dumps({"source": source, "type": "output", "stream": "out", "text": text}).encode() + b"\n"


def test_an_agents_lines_come_from_its_events_where_cloudwatch_has_none_and_never_twice(
    folder: RunFolder,
) -> None:
    streams: dict[str, list[str]] = {"git/git/one": ["a"]}
    logs = StackLogs(LogStreams(Logs(streams), "group"), folder)
    logs.learn([*submitted(1, "Clone", "one"), *submitted(4, "RunAgent", "two")])
    folder.store.put("events.jsonl", an_event("x") + an_event("no", "login") + b"not json\n" + b'{"half')
    assert texts(logs.last(9, final=False)) == ["a", "x"]
    # WHEN CloudWatch has caught up, and there is more
    streams["git/git/two"] = ["x", "y"]
    folder.store.put("events.jsonl", an_event("x") + an_event("no", "login") + b"not json\n" + an_event("y"))
    assert texts(logs.new(final=False)) == ["y"]
    assert texts(logs.new(final=True)) == []


def test_who_may_not_read_cloudwatch_sees_what_the_agent_wrote(folder: RunFolder) -> None:
    class Refusing(Logs):
        def get_log_events(self, **_: Any) -> Any:
            error = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
            raise ClientError(error, "GetLogEvents")

    folder.store.put("events.jsonl", an_event("x"))
    logs = StackLogs(LogStreams(Refusing({}), "group"), folder, "RunAgent")
    logs.learn([*submitted(1, "Clone", "one"), *submitted(4, "RunAgent", "two")])
    assert texts(logs.last(9, final=False)) == ["x"]
    assert texts(logs.new(final=True)) == []
    everything = StackLogs(LogStreams(Refusing({}), "group"), folder)
    everything.learn(submitted(1, "Clone", "one"))
    with pytest.raises(CredentialsError, match="logs:GetLogEvents"):
        everything.last(9, final=False)


class Minute:
    """A clock that a reader's pauses turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for module in ("stepherd.backends.log_reader.time", "stepherd.backends.stack.logs.time"):
            monkeypatch.setattr(module, self)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Quiet:
    """A stack whose run works and says nothing; it counts what it is asked."""

    def __init__(self, logs: StackLogs, minute: Minute) -> None:
        self._logs = logs
        self._minute = minute
        self.calls = 0

    def execution_arn(self, run_id: str) -> str:
        return f"arn:{run_id}"

    def task_lines(self, _run_id: str, _only: str | None) -> StackLogs:
        return self._logs

    @contextmanager
    def reading(self) -> Iterator[Any]:
        yield self._call

    def _call(self, operation: str, _request: Any) -> dict[str, Any]:
        self.calls += 1
        if operation == "GetExecutionHistory":
            return {"events": []}
        return {"status": "RUNNING" if self._minute.now < 1000 + 10 * 60 else "SUCCEEDED"}


def test_a_quiet_run_is_asked_about_seldom_and_its_last_line_is_seen(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    minute = Minute(monkeypatch)
    streams = {"git/git/one": ["a"], "git/git/two": ["b"], "git/git/three": ["c"]}
    source = Logs(streams)
    asked = []
    page = source.get_log_events
    source.get_log_events = lambda **how: asked.append(how) or page(**how)  # type: ignore[method-assign,func-returns-value]
    logs = StackLogs(LogStreams(source, "group"), folder)
    for number, name in enumerate(("one", "two", "three")):
        logs.learn(submitted(1 + 3 * number, f"S{name}", name))
    stack = Quiet(logs, minute)
    reader = LogReader(stack, "run_1")  # type: ignore[arg-type]
    assert texts(reader.last(9)) == ["a", "b", "c"]
    asked.clear()
    stack.calls = 0
    following = reader.follow()
    streams["git/git/one"].append("late")  # Of a task that had ended: no later than half a minute.
    assert next(following).text == "late"
    assert minute.now <= 1000 + 32
    assert texts(following) == []
    minutes = (minute.now - 1000) / 60
    assert (stack.calls + len(asked)) / minutes <= 40


def test_events_are_read_from_where_they_were_read_to(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = StackLogs(LogStreams(Logs({}), "group"), folder, "RunAgent")
    logs.learn(submitted(1, "RunAgent", "two"))
    folder.store.put("events.jsonl", an_event("x") * 100)
    assert len(logs.last(999, final=False)) == 100
    read: list[int] = []
    whole = type(folder.store).get_from

    def reading(store: Any, key: str, offset: int) -> bytes:
        found = whole(store, key, offset)
        read.append(len(found))
        return found

    monkeypatch.setattr(type(folder.store), "get_from", reading)
    assert texts(logs.new(final=False)) == []
    folder.store.put("events.jsonl", an_event("x") * 100 + an_event("y") + b'{"half')
    assert texts(logs.new(final=False)) == ["y"]
    assert read == [0, len(an_event("y")) + 6]
