"""Fault 22: a message is delivered twice, at once, or again while its run goes on: one run, one commit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from tests.e2e.cloud import BUCKET, REGION, Cloud
from tests.e2e.lender import wait_until
from tests.e2e.place import Place, new_commits
from tests.inbox_bench import InboxBench
from tests.queue_bench import QueueBench

from stepherd.backends.client import machine_arn
from stepherd.services.step_functions.executions import Executions

RUN = {"repo": "https://github.com/owner/name.git", "command": "make"}
ASKED = {"run": RUN, "instructions": "# Do it\n"}


def test_each_message_is_one_run_however_often_it_is_delivered(inbox: InboxBench, queue: QueueBench) -> None:
    queue.send(ASKED)
    queue.send(ASKED)
    batch = queue.receive()
    # WHEN both come twice in a batch, and again when their visibility time is over
    assert queue.invoke([*batch, *batch]) == set()
    queue.expire(*batch)
    assert queue.deliver() == 2
    # THEN two messages are two runs, and nothing is left
    assert len(inbox.runs()) == 2
    assert queue.deliver() == 0
    assert queue.dead_letters() == []


@pytest.mark.exhaustive
def test_a_delivery_that_died_is_taken_up_again(
    inbox: InboxBench, queue: QueueBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Executions.start
    for moment in ("before the start", "after the start"):
        queue.send(ASKED)
        batch = queue.receive()

        def dies(*words: Any, moment: str = moment) -> bool:
            if moment == "after the start":
                start(*words)
            raise KeyboardInterrupt

        monkeypatch.setattr(Executions, "start", dies)
        with pytest.raises(KeyboardInterrupt):
            queue.invoke(batch)
        monkeypatch.setattr(Executions, "start", start)
        queue.expire(*batch)
        assert queue.deliver() == 1, moment
    assert len(inbox.runs()) == 2


def test_a_sender_who_sends_again_with_the_same_key_starts_nothing_new(
    inbox: InboxBench, queue: QueueBench
) -> None:
    queue.send(ASKED, key="nightly")
    queue.deliver()
    ((run_id, request),) = inbox.runs().items()
    queue.send({**ASKED, "instructions": "# Do something else\n"}, key="nightly")
    queue.send(ASKED, key="hourly")
    assert queue.deliver() == 2
    assert queue.deliver() == 0
    runs = inbox.runs()
    assert len(runs) == 2
    # The first run's instructions were not replaced by those that came later under its key.
    assert runs[run_id] == request
    assert [inbox.text(_key(each)) for each in runs.values()] == ["# Do it\n"] * 2


def _key(request: dict[str, Any]) -> str:
    return str(request["instructions"]).removeprefix("s3://stepherd-bucket/")


@pytest.fixture
def cloud(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with Cloud.at(place) as made:
        for name in place.environment.keys() - {"PATH", "HOME", "TMPDIR", "PYTHONPATH"}:
            monkeypatch.setenv(name, place.environment[name])
        monkeypatch.setenv("STORE_URI", f"s3://{BUCKET}")
        monkeypatch.setenv("PIPELINE_ARN", machine_arn())
        made.bind_token()
        yield made


@pytest.mark.exhaustive
def test_a_message_that_comes_again_during_and_after_its_run_is_one_commit(cloud: Cloud) -> None:
    place, queue = cloud.place, QueueBench.made(boto3.client("sqs", region_name=REGION))
    before, gate = place.origin.refs(), place.root / "go"
    command = place.script(f"until [ -e {gate} ]; do sleep 0.05; done; date +%N > now.txt")
    queue.send({"run": {"repo": cloud.repo, "command": command}, "instructions": "# Do it\n"})
    # WHEN it is delivered while its run is in the middle
    batch = queue.receive()
    assert queue.invoke(batch) == set()
    (run,) = place.cli("list", "--json").ok().json["runs"]
    wait_until(lambda: "RunAgent" in place.cli("status", run["run_id"]).out, "the agent works")
    queue.expire(*batch)
    again = queue.receive()
    assert queue.invoke(again) == set()
    # AND once more when it is over
    gate.touch()
    place.cli("watch", run["run_id"]).ok()
    queue.expire(*again)
    assert queue.deliver() == 1
    # THEN there is one run, with one new commit
    (run,) = place.cli("list", "--json").ok().json["runs"]
    assert run["status"] == "SUCCEEDED"
    branch = f"refs/heads/stepherd/{run['run_id']}"
    assert new_commits(place.origin, before) == {branch: ["Do it"]}
    assert queue.deliver() == 0
