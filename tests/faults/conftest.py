"""The ground for faults: a place with a pipeline, the HTTP API, the inbox and the run queue."""

from collections.abc import Iterator

import boto3
import pytest
from tests.e2e.conftest import place
from tests.inbox_bench import InboxBench
from tests.integration.api.fixtures import api, executions, machine, on_s3
from tests.queue_bench import QueueBench

__all__ = ["api", "executions", "inbox", "machine", "on_s3", "place", "queue"]


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[InboxBench]:
    with InboxBench.open(monkeypatch) as opened:
        yield opened


@pytest.fixture
def queue(inbox: InboxBench) -> QueueBench:
    return QueueBench.made(boto3.client("sqs"))
