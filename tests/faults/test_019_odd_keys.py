"""Fault 19: keys with %20, +, unicode, '../' and 1,024 bytes: decoded once, and no way out of the inbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.inbox_bench import BUCKET, InboxBench, notification

LONG = f"inbox/{'x' * 1015}.md"
ODD = ["a b", "a+b", "a%20b", "a%2Fb", "%252e%252e", "grün🌊", "a&b=c?d#e", "'\"$(id)`", "..."]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[InboxBench]:
    with InboxBench.open(monkeypatch) as opened:
        yield opened


@pytest.mark.exhaustive
@pytest.mark.parametrize("wired", ["EventBridge", "notification"])
@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_read_as_it_was_written(bench: InboxBench, wired: str, name: str) -> None:
    event = bench.put(f"inbox/{name}/instructions.md")
    bench.deliver(event if wired == "EventBridge" else notification(event))
    (request,) = bench.runs().values()
    assert request["instructions"] == f"s3://{BUCKET}/inbox/{name}/"
    assert request["reply_to"] == f"inbox/{name}"


def test_a_key_of_1024_bytes_runs_without_an_answer_beside_it(bench: InboxBench) -> None:
    assert len(LONG.encode()) == 1024
    bench.deliver(bench.put(LONG))
    (request,) = bench.runs().values()
    assert "reply_to" not in request
    # One that cannot be run has no place for an answer; that is not a failure either.
    bench.deliver(bench.put(LONG, "no repository"))
    assert len(bench.runs()) == 1


@pytest.mark.parametrize(
    "key", ["inbox/../runs/r/instructions.md", "inbox/./instructions.md", "inbox//a/instructions.md"]
)
def test_a_key_that_leads_elsewhere_starts_nothing_and_writes_nothing(bench: InboxBench, key: str) -> None:
    event = bench.put("inbox/a/instructions.md")
    event["detail"]["object"]["key"] = key
    bench.deliver(event, notification(event))
    assert bench.runs() == {}
    assert bench.keys("") == ["inbox/a/instructions.md"]
