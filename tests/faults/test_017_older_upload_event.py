"""Faults 17 and 24: the event of an older upload comes after that of a newer one: the sequencer decides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.inbox_bench import HEAD, InboxBench

from stepherd.runs.inbox_events import Dropped
from stepherd.runs.inbox_state import claim_event, close_event
from stepherd.services.store.opening import open_store


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[InboxBench]:
    with InboxBench.open(monkeypatch) as opened:
        yield opened


@pytest.mark.parametrize("order", ["old, new", "new, old"])
def test_instructions_that_were_replaced_before_their_event_came_run_once(
    bench: InboxBench, order: str
) -> None:
    events = [bench.put("inbox/a/instructions.md", HEAD + text) for text in ("old", "new")]
    bench.deliver(*(events if order == "old, new" else reversed(events)))
    assert len(bench.runs()) == 1


def test_an_older_event_of_the_same_text_is_ignored(bench: InboxBench) -> None:
    """Without versions, as in a notification of an unversioned bucket, only the sequencer tells."""
    events = [bench.put("inbox/a/instructions.md") for _ in range(2)]
    for event in events:
        del event["detail"]["object"]["version-id"]
    bench.deliver(*reversed(events))
    assert len(bench.runs()) == 1


def test_uploads_one_after_the_other_run_each(bench: InboxBench) -> None:
    for text in ("one", "two"):
        bench.deliver(bench.put("inbox/a/instructions.md", HEAD + text))
    assert len(bench.runs()) == 2


def test_sequencers_of_different_lengths_are_padded(tmp_path: object) -> None:
    store = open_store(str(tmp_path))

    def dropped(sequencer: str) -> Dropped:
        return Dropped("b", "inbox/a/instructions.md", sequencer)

    assert claim_event(store, dropped("00A01"), "new") == "ours"
    assert claim_event(store, dropped("00A"), "old") == "older"
    assert claim_event(store, dropped("00A01"), "new") == "ours"
    close_event(store, dropped("00A"), "old", "started")
    assert claim_event(store, dropped("00A01"), "new") == "ours", "another event's end closes nothing"
    close_event(store, dropped("00A01"), "new", "started")
    assert claim_event(store, dropped("00A01"), "new") == "done"
    assert claim_event(store, dropped("00A010"), "new") == "done", "the same number"
    assert claim_event(store, dropped("00B"), "newer") == "ours"
