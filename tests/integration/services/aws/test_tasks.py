"""Tasks of a cluster, through boto3 with ECS's answers on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse

from stepherd.errors import CredentialsError, TemporaryError
from stepherd.services.aws.tasks import Tasks, open_tasks

CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/c"


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


@dataclass
class Ecs:
    """Answers instead of ECS: so many tasks, in pages, after so many refusals of an operation."""

    tasks: int = 0
    refusals: dict[str, list[str]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        asked = json.loads(request.body)
        self.calls.append((operation, asked))
        refusals = self.refusals.get(operation, [])
        if refusals:
            return self._response(request, 400, {"__type": refusals.pop(0), "message": "why"})
        return self._response(request, 200, getattr(self, f"_{operation}")(asked))

    def _response(self, request: Any, status: int, body: Any) -> AWSResponse:
        return AWSResponse(request.url, status, {}, _Body(json.dumps(body).encode()))

    def _ListTasks(self, asked: dict[str, Any]) -> Any:
        begin = int(asked.get("nextToken", 0))
        end = min(begin + asked["maxResults"], self.tasks)
        more = {"nextToken": str(end)} if end < self.tasks else {}
        return {"taskArns": [f"{CLUSTER}/{number}" for number in range(begin, end)], **more}

    def _DescribeTasks(self, asked: dict[str, Any]) -> Any:
        assert len(asked["tasks"]) <= 100
        environment = [{"name": "STEPHERD_RUN_FOLDER", "value": "s3://b/runs/r"}]
        overrides = {"containerOverrides": [{"name": "git", "environment": environment}, {"name": "side"}]}
        found = [
            {"taskArn": arn, "createdAt": 1795260000.5, "overrides": overrides} for arn in asked["tasks"][1:]
        ]
        return {"tasks": found, "failures": [{"arn": asked["tasks"][0], "reason": "MISSING"}]}

    def _StopTask(self, asked: dict[str, Any]) -> Any:
        return {"task": {"taskArn": asked["task"]}}

    def count(self, operation: str) -> int:
        return sum(called == operation for called, _ in self.calls)


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> Ecs:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(botocore.endpoint.time, "sleep", lambda _: None)
    return Ecs()


@pytest.fixture
def tasks(ecs: Ecs) -> Tasks:
    opened = open_tasks(CLUSTER)
    opened.client.meta.events.register("before-send.ecs", ecs.answer)
    return opened


def test_all_pages_are_listed_and_described_a_hundred_at_a_time(ecs: Ecs, tasks: Tasks) -> None:
    ecs.tasks = 250
    found = list(tasks.running())
    assert len(found) == 247, "one in each page went before it was described"
    assert (ecs.count("ListTasks"), ecs.count("DescribeTasks")) == (3, 3)
    assert ecs.calls[0][1] == {"cluster": CLUSTER, "desiredStatus": "RUNNING", "maxResults": 100}
    assert found[0].created.timestamp() == 1795260000.5
    assert found[0].overrides == ({"STEPHERD_RUN_FOLDER": "s3://b/runs/r"}, {})


def test_an_empty_cluster_is_described_to_nobody(ecs: Ecs, tasks: Tasks) -> None:
    assert list(tasks.running()) == []
    assert ecs.count("DescribeTasks") == 0


def test_throttling_is_waited_out(ecs: Ecs, tasks: Tasks) -> None:
    ecs.tasks = 3
    ecs.refusals = {"ListTasks": ["ThrottlingException"] * 5, "StopTask": ["ThrottlingException"] * 7}
    (first, *_) = list(tasks.running())
    tasks.stop(first.arn, "x" * 2000)
    assert (ecs.count("ListTasks"), ecs.count("StopTask")) == (6, 8)
    assert len(ecs.calls[-1][1]["reason"]) == 255


def test_what_does_not_pass_is_an_error(ecs: Ecs, tasks: Tasks) -> None:
    ecs.refusals = {"StopTask": ["ThrottlingException"] * 20}
    with pytest.raises(TemporaryError):
        tasks.stop("t", "why")
    ecs.refusals = {"StopTask": ["AccessDeniedException"]}
    with pytest.raises(CredentialsError):
        tasks.stop("t", "why")


def test_a_task_that_is_gone_counts_as_stopped(ecs: Ecs, tasks: Tasks) -> None:
    ecs.refusals = {"StopTask": ["InvalidParameterException"]}
    tasks.stop("t", "why")
    assert ecs.count("StopTask") == 1
