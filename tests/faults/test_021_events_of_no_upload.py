"""Faults 21 and 23: events that are no upload are ignored; those that are not S3's become dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.inbox_bench import InboxBench, notification, sample

from stepherd.errors import TemporaryError
from stepherd.runs.inbox_events import InvalidEvent
from stepherd.services.step_functions.executions import Executions

ROOT = Path(__file__).parents[2]
TEST = {
    "Service": "Amazon S3",
    "Event": "s3:TestEvent",
    "Time": "2026-11-21T10:15:00.000Z",
    "Bucket": "stepherd-bucket",
    "RequestId": "5582815E1AEA5ADF",
    "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[InboxBench]:
    with InboxBench.open(monkeypatch) as opened:
        yield opened


def _deletions(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {**event, "detail-type": "Object Deleted"}
    for name in ("ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:Delete"):
        told = notification(event)
        told["Records"][0]["eventName"] = name
        yield told


def test_what_is_no_upload_is_ignored(bench: InboxBench) -> None:
    event = bench.put("inbox/a/instructions.md")
    bench.deliver(TEST, {"Records": []}, *_deletions(event))
    bench.deliver({**event, "detail-type": "Object Tags Added"})
    assert bench.runs() == {}


@pytest.mark.exhaustive
def test_a_poisoned_event_is_raised_and_one_beside_it_is_carried_out(
    bench: InboxBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda tries it twice more and then sends it to the dead letters; see the template below."""
    good = bench.put("inbox/good/instructions.md")
    with pytest.raises(InvalidEvent):
        bench.deliver({"source": "somebody.else", "detail-type": "Object Created", "detail": {}})
    # Of two records one cannot be started: the other is, and the failure is raised all the same.
    start = Executions.start

    def start_but_one(self: Executions, machine: str, name: str, request: Any) -> bool:
        if "bad" in request["instructions"]:
            raise TemporaryError("AWS is too busy.")
        return start(self, machine, name, request)

    monkeypatch.setattr(Executions, "start", start_but_one)
    both = notification(bench.put("inbox/bad/instructions.md"))
    both["Records"] += notification(good)["Records"]
    for _ in range(2):
        with pytest.raises(TemporaryError):
            bench.deliver(both)
    (request,) = bench.runs().values()
    assert request["reply_to"] == "inbox/good"
    # A run that could not be started is not forgotten: delivered again, it starts.
    monkeypatch.setattr(Executions, "start", start)
    bench.deliver(both)
    assert len(bench.runs()) == 2


def test_the_sample_events_are_ones_that_the_functions_read() -> None:
    from stepherd.runs.inbox_events import dropped_objects
    from stepherd.runs.orphans import ended_of

    for name in ("instructions_dropped", "instructions_dropped_notification"):
        assert len(dropped_objects(sample(name))) == 1
    assert ended_of(sample("stop_left_over")).status == "ABORTED"


@pytest.mark.parametrize("name", ["InstructionsDropped", "StopLeftOver"])
def test_what_a_trigger_cannot_take_reaches_the_dead_letters(name: str) -> None:
    text = (ROOT / "template.yaml").read_text()

    def block(resource: str) -> str:
        return text.partition(f"\n  {resource}:\n")[2].partition("\n\n")[0]

    assert "OnFailure: { Type: SQS, Destination: !GetAtt DeadLetterQueue.Arn }" in block(f"{name}Function")
    rule = block(f"{name}Rule")
    assert "DeadLetterConfig: { Arn: !GetAtt DeadLetterQueue.Arn }" in rule
    assert "MaximumRetryAttempts" in rule
    assert f"!GetAtt {name}Rule.Arn" in block("DeadLetterQueuePolicy")
    assert f"SourceArn: !GetAtt {name}Rule.Arn" in block(f"{name}Permission")
