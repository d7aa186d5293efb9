"""The logs of a stack's tasks, with the odd pages of GetLogEvents."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from tests.unit.cli.test_task_logs import submitted

from stepherd.api.task_streams import TaskStreams
from stepherd.application import application_root
from stepherd.cli.stack_logs import StackLogs


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


def a_log(streams: dict[str, list[str]], only: str | None = None) -> StackLogs:
    logs = StackLogs(TaskStreams(Logs(streams), "group"), only)
    logs.learn([*submitted(1, "Clone", "one"), *submitted(4, "Push", "two")])
    return logs


def texts(lines: Any) -> list[str]:
    return [line.text for line in lines]


def test_the_last_lines_are_read_from_the_end_and_go_on_from_there() -> None:
    streams = {"git/git/one": [f"a{n}" for n in range(9)], "git/git/two": ["b0", "b1", "b2"]}
    logs = a_log(streams)
    assert texts(logs.last(5, final=False)) == ["a7", "a8", "b0", "b1", "b2"]
    assert texts(logs.new(final=False)) == []
    streams["git/git/two"].append("b3")
    assert texts(logs.new(final=True)) == ["b3"]


def test_no_line_is_lost_over_empty_pages_and_streams_that_come_late() -> None:
    streams: dict[str, list[str]] = {"git/git/one": [f"a{n}" for n in range(7)]}
    logs = a_log(streams)
    assert texts(logs.last(100, final=False)) == [f"a{n}" for n in range(7)]
    streams["git/git/two"] = [f"b{n}" for n in range(5)]
    assert texts(logs.new(final=False)) == [f"b{n}" for n in range(5)]


def test_none_of_the_last_lines_may_be_wanted() -> None:
    logs = a_log({"git/git/one": ["a"]})
    assert texts(logs.last(0, final=False)) == []
    assert texts(logs.new(final=False)) == []


def test_one_state_alone() -> None:
    logs = a_log({"git/git/one": ["a"], "git/git/two": ["b"]}, only="Push")
    assert texts(logs.last(9, final=True)) == ["b"]
    assert list(logs.states) == ["Clone", "Push"]


def test_a_task_that_the_history_left_out_is_passed_over() -> None:
    logs = StackLogs(TaskStreams(Logs({}), "group"))
    details = {"resourceType": "ecs", "outputDetails": {"truncated": True}}
    logs.learn(
        [{"id": 1, "previousEventId": 0, "type": "TaskSubmitted", "taskSubmittedEventDetails": details}]
    )
    assert logs.last(9, final=True) == []


def test_the_group_is_called_as_the_template_calls_it() -> None:
    template = (application_root() / "template.yaml").read_text()
    assert "LogGroupName: !Sub /stepherd/${AWS::StackName}/tasks" in template
    for container in ("git", "agent"):
        assert f"awslogs-stream-prefix: {container}\n" in template
