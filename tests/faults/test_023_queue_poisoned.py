"""Fault 23: a message that cannot be taken becomes a dead letter after some tries; the others are taken."""

from __future__ import annotations

from typing import Any

import pytest
from tests.inbox_bench import ROOT, Context, InboxBench, load_handler, sample
from tests.queue_bench import QueueBench

from stepherd.errors import TemporaryError
from stepherd.services.step_functions.executions import Executions
from stepherd.services.template_text import read_template

pytestmark = pytest.mark.exhaustive

RUN = {"repo": "https://github.com/owner/name.git", "command": "make"}
GOOD = {"run": RUN, "instructions": "# Do it\n"}
CANARY = "canary-9tRz"
POISON: list[object] = [
    "not JSON",
    "[]",
    '{"run": {}, "run": {}}',
    '{"run": ' + "[" * 10_000,
    {"instructions": "# Do it\n"},
    {"run": RUN},
    {"run": {**RUN, "reop": CANARY}, "instructions": "# Do it\n"},
    {"run": {**RUN, "repo": "/etc"}, "instructions": "# Do it\n"},
    {"run": {**RUN, "repo": f"https://u:{CANARY}@github.com/o/n"}, "instructions": "# Do it\n"},
    {"run": {**RUN, "reply_to": "inbox/other"}, "instructions": "# Do it\n"},
    {"run": {**RUN, "git_token_host": "evil.example"}, "instructions": "# Do it\n"},
    {"run": {**RUN, "instructions": "s3://stepherd-bucket/runs/other/instructions/"}},
    {"run": {**RUN, "instructions": "file:///etc/passwd"}},
    {"run": RUN, "instructions": " "},
]


def test_poison_ends_as_a_dead_letter_and_holds_nobody_up(
    inbox: InboxBench, queue: QueueBench, caplog: pytest.LogCaptureFixture
) -> None:
    for body in POISON:
        queue.send(GOOD)
        queue.send(body)
    deliveries = 0
    while count := queue.deliver():
        deliveries += count
    # THEN the good ones run, once each; the others were tried as often as the template says
    assert len(inbox.runs()) == len(POISON)
    assert all(request["command"] == "make" for request in inbox.runs().values())
    assert deliveries == len(POISON) * (1 + queue.tries)
    attributes = queue.sqs.get_queue_attributes(
        QueueUrl=queue.dead, AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert attributes["Attributes"]["ApproximateNumberOfMessages"] == str(len(POISON))
    # AND the log says why, with the message's id, and not what was in it
    records = [vars(record) for record in caplog.records if record.levelname == "ERROR"]
    assert len({record["message_id"] for record in records}) == len(POISON)
    assert sum("The field 'reop' is unknown." in record["reason"] for record in records) == queue.tries
    assert CANARY not in str(records)
    assert not any(record["exc_info"] for record in records), "what a sender did wrong is one line"


def test_a_message_is_not_lost_to_a_service_that_is_busy_for_a_while(
    inbox: InboxBench, queue: QueueBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> bool:
        raise TemporaryError("AWS is too busy.")

    start = Executions.start
    monkeypatch.setattr(Executions, "start", busy)
    queue.send(GOOD)
    for _ in range(queue.tries - 1):
        assert queue.deliver() == 1
    monkeypatch.setattr(Executions, "start", start)
    assert queue.deliver() == 1
    assert len(inbox.runs()) == 1
    assert queue.dead_letters() == []


def test_the_sample_event_starts_a_run(inbox: InboxBench) -> None:
    handler = load_handler("request_queued")
    assert handler(sample("request_queued"), Context()) == {"batchItemFailures": []}
    ((run_id, request),) = inbox.runs().items()
    assert run_id.startswith("run_queue_")
    assert (request["agent"], request["repo"]) == ("q", RUN["repo"])


def test_the_template_asks_lambda_for_single_failures_and_keeps_dead_letters() -> None:
    resources = read_template((ROOT / "template.yaml").read_text(), "template.yaml")["Resources"]
    reader = resources["RunQueueReader"]["Properties"]
    assert reader["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue, function = resources["RunQueue"]["Properties"], resources["RequestQueuedFunction"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    dead = resources["RunDeadLetterQueue"]["Properties"]
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
