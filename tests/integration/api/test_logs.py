"""GET /executions/{run_id}/logs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.integration.api.fixtures import Api

from stepherd.api import logs
from stepherd.api.calls import Call
from stepherd.api.cursors import write_cursor
from stepherd.api.problems import InvalidCall
from stepherd.api.runs import Run
from stepherd.api.service import Service
from stepherd.api_keys.callers import Caller
from stepherd.events.vocabulary import EVENTS
from stepherd.runs.folder import run_folder
from stepherd.services.aws.log_streams import LogStreams, UnknownToken
from stepherd.services.store.opening import open_store

OLD = "2026-01-01T00:00:00.000Z"


def read_all(api: Api, key: str, run_id: str, limit: int) -> tuple[list[dict[str, Any]], str]:
    """Every entry, by pages, and the last cursor."""
    found: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(100):
        body = api.call("GET", f"/executions/{run_id}/logs?limit={limit}{cursor}", key).ok()
        found += body["events"]
        cursor = f"&cursor={body['next_cursor']}"
        if body["finished"]:
            return found, cursor
    raise AssertionError("the log does not end")


def events(api: Api, run_id: str, *lines: str) -> None:
    run_folder(api.store, run_id).store.put(EVENTS, "".join(lines).encode())


def line(number: int) -> str:
    return json.dumps({"at": f"2026-11-21T10:15:{number:02}.000Z", "event": "told", "n": number}) + "\n"


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_hold_every_event_once_and_the_last_cursor_goes_on_later(api: Api, limit: int) -> None:
    key = api.key()
    run_id = api.finish(key)
    events(api, run_id, *map(line, range(7)))
    found, cursor = read_all(api, key, run_id, limit)
    assert [entry["event"]["n"] for entry in found] == list(range(7))
    # WHEN more is written, as after a redrive
    events(api, run_id, *map(line, range(9)))
    body = api.call("GET", f"/executions/{run_id}/logs?{cursor.lstrip('&')}", key).ok()
    assert [entry["event"]["n"] for entry in body["events"]] == [7, 8]


def test_nothing_yet_is_not_the_end_and_half_a_line_waits(api: Api) -> None:
    key = api.key()
    run_id = api.start(key, "wait")
    body = api.call("GET", f"/executions/{run_id}/logs", key).ok()
    assert (body["events"], body["finished"]) == ([], False)
    events(api, run_id, line(0), line(1)[:20])
    body = api.call("GET", f"/executions/{run_id}/logs?cursor={body['next_cursor']}", key).ok()
    assert len(body["events"]) == 1
    events(api, run_id, line(0), line(1))
    body = api.call("GET", f"/executions/{run_id}/logs?cursor={body['next_cursor']}", key).ok()
    assert [entry["event"]["n"] for entry in body["events"]] == [1]
    assert not body["finished"]


def test_lines_that_are_no_events_are_passed_over_and_odd_text_is_told(api: Api) -> None:
    key = api.key()
    run_id = api.finish(key)
    events(api, run_id, "no json\n", "[1]\n", "[" * 100_000 + "\n", '{"at": "x", "text": "\\ud800\\u0000"}\n')
    found, _ = read_all(api, key, run_id, 10)
    assert [entry["event"] for entry in found] == [{"text": "?\0"}]


@pytest.mark.parametrize(
    "query", ["limit=1001", "cursor=x", "cursor=W10", "cursor=e30", "since=x",
              "cursor=eyJvZmZzZXQiOi0xLCJkb25lIjowLCJ0b2tlbnMiOnt9fQ",
              "cursor=eyJvZmZzZXQiOjAsImRvbmUiOjAsInRva2VucyI6eyIwIjoxfX0"],
)  # fmt: skip
def test_a_parameter_that_makes_no_sense_is_named(api: Api, query: str) -> None:
    key = api.key()
    run_id = api.finish(key)
    reply = api.call("GET", f"/executions/{run_id}/logs?{query}", key)
    assert reply.ok(400)["field"] == query.partition("=")[0]


def test_a_cursor_far_beyond_the_end_finds_nothing(api: Api) -> None:
    key = api.key()
    run_id = api.finish(key)
    events(api, run_id, line(0))
    cursor = write_cursor({"offset": 10**29, "done": 10**29, "tokens": {}})
    body = api.call("GET", f"/executions/{run_id}/logs?cursor={cursor}", key).ok()
    assert (body["events"], body["finished"]) == ([], True)


class Client:
    """CloudWatch Logs with scripted pages: lists of lines by stream; an empty list is an empty page."""

    def __init__(self, pages: dict[str, list[list[str]]]) -> None:
        self.pages = pages
        self.asked = 0

    def get_log_events(self, *, logStreamName: str, nextToken: str = "0", **_: Any) -> dict[str, Any]:
        self.asked += 1
        number, pages = int(nextToken), self.pages[logStreamName]
        if number >= len(pages):
            return {"events": [], "nextForwardToken": nextToken}
        stamp = int(datetime.fromisoformat(OLD).timestamp() * 1000)
        events = [{"timestamp": stamp, "message": text} for text in pages[number]]
        return {"events": events, "nextForwardToken": str(number + 1)}


class Runs:
    """Executions of one run with some tasks."""

    def __init__(self, tasks: int, stopped: str | None) -> None:
        self.tasks, self.stopped = tasks, stopped

    def find(self, run_id: str) -> Run:
        return Run(run_id, "SUCCEEDED" if self.stopped else "RUNNING", OLD, self.stopped, 0)

    def history(self, run_id: str) -> Iterator[dict[str, Any]]:
        at = datetime.fromisoformat(OLD).timestamp()
        for number in range(self.tasks):
            base = number * 10
            entered = {"name": f"State{number}"}
            tasks = [{"TaskArn": f"arn:aws:ecs:x:1:task/c/t{number}", "Containers": [{"Name": "git"}]}]
            submitted = {"resourceType": "ecs", "output": json.dumps({"Tasks": tasks})}
            yield {"type": "TaskStateEntered", "id": base + 1, "previousEventId": 0, "timestamp": at,
                   "stateEnteredEventDetails": entered}  # fmt: skip
            yield {"type": "TaskScheduled", "id": base + 2, "previousEventId": base + 1, "timestamp": at}
            yield {"type": "TaskSubmitted", "id": base + 3, "previousEventId": base + 2, "timestamp": at,
                   "taskSubmittedEventDetails": submitted}  # fmt: skip
            if self.stopped:
                yield {"type": "TaskSucceeded", "id": base + 4, "previousEventId": base + 3, "timestamp": at}
                yield {
                    "type": "TaskStateExited",
                    "id": base + 5,
                    "previousEventId": base + 4,
                    "timestamp": at,
                }


def read_pages(service: Service, limit: int) -> list[Any]:
    found, query = [], {"limit": str(limit)}
    for _ in range(200):
        call = Call("", Caller("ada", "admin", "k"), "r", run_id="run_1", query=query)
        body = logs.read_logs(call, service).body
        found.append(body["events"])
        if body["finished"]:
            return found
        query["cursor"] = body["next_cursor"]
    raise AssertionError("the log does not end")


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_empty_pages_of_cloudwatch_are_not_the_end_of_a_stream(tmp_path: Any, limit: int) -> None:
    scripted = {"git/git/t0": [["a"], [], [], ["b"]], "git/git/t1": [[], ["c"]]}
    service = Service(open_store(str(tmp_path)), Runs(2, OLD), LogStreams(Client(scripted), "g"))  # type: ignore[arg-type]
    found = [entry for page in read_pages(service, limit) for entry in page]
    assert [(entry["source"], entry["text"]) for entry in found] == [
        *(("State0", "a"), ("State0", "b"), ("State1", "c"))
    ]


def test_a_cursor_with_a_token_that_cloudwatch_did_not_give_is_refused(tmp_path: Any) -> None:
    class Refusing(Client):
        def get_log_events(self, **_: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "InvalidParameterException", "Message": ""}}, "GetLogEvents")

    service = Service(open_store(str(tmp_path)), Runs(1, OLD), LogStreams(Refusing({}), "g"))  # type: ignore[arg-type]
    cursor = write_cursor({"offset": 0, "done": 0, "tokens": {"0": "f/1"}})
    call = Call("", Caller("ada", "admin", "k"), "r", run_id="run_1", query={"cursor": cursor})
    with pytest.raises(InvalidCall, match="cursor"):
        logs.read_logs(call, service)


def test_a_run_of_many_tasks_is_read_to_its_end_with_few_calls_for_each_page(tmp_path: Any) -> None:
    client = Client({f"git/git/t{number}": [[str(number)]] for number in range(40)})
    service = Service(open_store(str(tmp_path)), Runs(40, OLD), LogStreams(client, "g"))  # type: ignore[arg-type]
    pages = read_pages(service, 1000)
    assert [entry["text"] for page in pages for entry in page] == [str(number) for number in range(40)]
    assert client.asked <= 12 * len(pages) <= 12 * 40


def test_cloudwatch_s_own_streams_are_read_and_a_stranger_s_token_is_refused(on_s3: Api) -> None:
    client = boto3.client("logs")
    for name in ("git/git/a", "git/git/b"):
        client.create_log_stream(logGroupName="tasks", logStreamName=name)
    now = int(time.time() * 1000)
    told = [{"timestamp": now + number, "message": str(number)} for number in range(5)]
    client.put_log_events(logGroupName="tasks", logStreamName="git/git/a", logEvents=told)
    streams = LogStreams.open("tasks")
    texts, token, end = [], None, False
    while not end:
        lines, token, end = streams.page("git/git/a", token, 2)
        texts += [each["text"] for each in lines]
    assert texts == ["0", "1", "2", "3", "4"]
    assert streams.page("git/git/absent", None, 2) == ([], None, True)
    with pytest.raises(UnknownToken):
        streams.page("git/git/a", "no token", 2)
