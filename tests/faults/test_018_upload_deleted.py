"""Fault 18: the object of an event was deleted meanwhile: nothing happens, and the log says so."""

from __future__ import annotations

import pytest
from tests.inbox_bench import BUCKET, InboxBench


@pytest.mark.parametrize("how", ["a delete marker", "every version"])
def test_an_event_of_what_is_gone_is_a_logged_no_op(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    with InboxBench.open(monkeypatch) as bench:
        key = "inbox/a/instructions.md"
        event = bench.put(key)
        version = {"VersionId": event["detail"]["object"]["version-id"]} if how == "every version" else {}
        bench.s3.delete_object(Bucket=BUCKET, Key=key, **version)
        caplog.clear()
        bench.deliver(event)
        assert bench.runs() == {}
        assert bench.keys() == []
        (line,) = [vars(record) for record in caplog.records]
        assert (line["outcome"], line["reason"]) == ("ignored", "the object was deleted")
        assert line["key"] == key


def test_one_that_is_deleted_while_it_is_taken_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from stepherd.services.store.uploads import Uploads

    with InboxBench.open(monkeypatch) as bench:
        event = bench.put("inbox/a/instructions.md")
        find = Uploads.find

        def find_and_lose(self: Uploads, bucket: str, key: str) -> object:
            found = find(self, bucket, key)
            bench.s3.delete_object(Bucket=bucket, Key=key)
            return found

        monkeypatch.setattr(Uploads, "find", find_and_lose)
        bench.deliver(event)
        assert bench.runs() == {}
        assert bench.keys() == []
