"""Fault 16: an upload's event comes twice, at the same time, or after its run: one run.

The inbox hangs on EventBridge, which delivers at least once as a queue does; no SQS queue is in between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.inbox_bench import BUCKET, InboxBench, notification

from stepherd.runs.inbox import Inbox, run_id_of
from stepherd.runs.inbox_events import dropped_objects
from stepherd.services.step_functions.executions import open_executions
from stepherd.services.store.opening import open_store
from stepherd.services.store.uploads import open_uploads


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[InboxBench]:
    with InboxBench.open(monkeypatch) as opened:
        yield opened


def test_the_same_event_many_times_and_in_both_forms_is_one_run(bench: InboxBench) -> None:
    event = bench.put("inbox/a/instructions.md")
    bench.deliver(event, event, notification(event), event)
    assert len(bench.runs()) == 1


def test_an_event_that_comes_again_long_after_its_run_starts_nothing(bench: InboxBench) -> None:
    # GIVEN a run whose name Step Functions has forgotten, as after 90 days
    event = bench.put("inbox/a/instructions.md")
    bench.deliver(event)
    for item in bench.sfn.list_executions(stateMachineArn=bench.machine)["executions"]:
        bench.sfn.stop_execution(executionArn=item["executionArn"])
    started: list[str] = []
    inbox = _inbox(lambda run_id, request: not started.append(run_id))
    # WHEN
    (dropped,) = dropped_objects(event)
    outcome = inbox.take(dropped)
    # THEN
    assert (outcome.kind, outcome.reason, started) == ("ignored", "it was acted on", [])


@pytest.mark.parametrize("moment", ["before the start", "after the start"])
def test_an_event_whose_delivery_died_is_taken_up_again(bench: InboxBench, moment: str) -> None:
    (dropped,) = dropped_objects(bench.put("inbox/a/instructions.md"))
    executions = open_executions()

    def dies(run_id: str, request: Any) -> bool:
        if moment == "after the start":
            executions.start(bench.machine, run_id, request)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _inbox(dies).take(dropped)
    again = _inbox(lambda run_id, request: executions.start(bench.machine, run_id, request))
    again.take(dropped)
    assert list(bench.runs()) == [run_id_of(dropped)]


def test_two_deliveries_at_once_start_one_execution(bench: InboxBench) -> None:
    (dropped,) = dropped_objects(bench.put("inbox/a/instructions.md"))
    executions = open_executions()

    def start(run_id: str, request: Any) -> bool:
        return executions.start(bench.machine, run_id, request)

    def start_while_another_does(run_id: str, request: Any) -> bool:
        _inbox(start).take(dropped)
        return start(run_id, request)

    _inbox(start_while_another_does).take(dropped)
    assert len(bench.runs()) == 1
    (state,) = bench.keys("inbox-state/")
    assert json.loads(bench.text(state))["outcome"] == "started"


def _inbox(start: Any) -> Inbox:
    return Inbox(open_store(f"s3://{BUCKET}"), open_uploads(), start)
