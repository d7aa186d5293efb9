"""Recording events while a run goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.event_schema import check_events, recorded_events

from stepherd.errors import StorageError, TemporaryError
from stepherd.events import recording
from stepherd.events.recording import MOST_BYTES, Recorder, append_events
from stepherd.events.vocabulary import Finished, Limit, Message, Output
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.services.store.contract import PreconditionFailed, WriteConflict
from stepherd.services.store.opening import open_store


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_folder(open_store(str(tmp_path / "store")), "run_1")


def _recorder(folder: RunFolder, shown: list[Mapping[str, Any]] | None = None) -> Recorder:
    return Recorder(
        folder.store, lambda text: text.replace("hunter", "***"), (shown if shown is not None else []).append
    )


def _texts(folder: RunFolder) -> list[str]:
    return [event.get("text", "") for event in recorded_events(folder)]


def test_events_are_appended_in_order(folder: RunFolder) -> None:
    append_events(folder.store, "login", [Message("one")])
    append_events(folder.store, "login", [])
    append_events(folder.store, "agent", [Message("two"), Message("three")])
    events = recorded_events(folder)
    check_events(events)
    assert [(event["source"], event["text"]) for event in events] == [
        ("login", "one"),
        ("agent", "two"),
        ("agent", "three"),
    ]


def test_those_who_append_at_the_same_time_lose_nothing(folder: RunFolder) -> None:
    def append(number: int) -> None:
        for turn in range(10):
            append_events(folder.store, "login", [Message(f"{number}.{turn}")])

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    recorder = _recorder(folder)
    for thread in threads:
        thread.start()
    for turn in range(50):
        recorder.add("agent", Output("out", f"agent.{turn}"))
    for thread in threads:
        thread.join()
    recorder.close()
    texts = _texts(folder)
    assert len(texts) == len(set(texts)) == 90
    assert [text for text in texts if text.startswith("agent")] == [f"agent.{turn}" for turn in range(50)]


def test_who_is_never_first_says_so(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_named: object) -> str:
        raise PreconditionFailed("another was first")

    monkeypatch.setattr(type(folder.store), "put", refuse)
    with pytest.raises(TemporaryError, match="kept writing"):
        append_events(folder.store, "login", [Message("one")])


def test_a_conflict_is_tried_again_as_it_was(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    put, refused = type(folder.store).put, [WriteConflict("two met")] * 2

    def conflict(*args: Any, **named: Any) -> str:
        if refused:
            raise refused.pop()
        return put(*args, **named)

    monkeypatch.setattr(type(folder.store), "put", conflict)
    append_events(folder.store, "login", [Message("one")])
    assert _texts(folder) == ["one"]


def test_they_are_in_the_folder_while_the_step_still_works(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_FIRST_WRITE_SECONDS", 0.01)
    recorder = _recorder(folder)
    recorder.add("agent", Message("at work"))
    deadline = time.monotonic() + 10
    while not recorded_events(folder) and time.monotonic() < deadline:
        time.sleep(0.01)  # for the recorder's own time
    assert _texts(folder) == ["at work"]
    recorder.close()
    assert _texts(folder) == ["at work"]


def test_a_write_that_fails_meanwhile_is_made_up_for(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, tried = type(folder.store).put, threading.Event()

    def fail_once(*args: Any, **named: Any) -> str:
        if not tried.is_set():
            tried.set()
            raise StorageError("no disk")
        return put(*args, **named)

    monkeypatch.setattr(type(folder.store), "put", fail_once)
    monkeypatch.setattr(recording, "_FIRST_WRITE_SECONDS", 0.01)
    recorder = _recorder(folder)
    recorder.add("agent", Message("kept"))
    assert tried.wait(10)
    recorder.close()
    assert _texts(folder) == ["kept"]


def test_the_last_write_says_what_is_wrong(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_named: object) -> str:
        raise StorageError("no disk")

    monkeypatch.setattr(type(folder.store), "put", fail)
    recorder = _recorder(folder)
    recorder.add("agent", Message("lost"))
    with pytest.raises(StorageError):
        recorder.close()


def test_texts_are_masked_inert_and_bounded(folder: RunFolder) -> None:
    shown: list[Mapping[str, Any]] = []
    recorder = _recorder(folder, shown)
    recorder.add("agent", Message("hunter \x1b]52;c;aGk=\x07\x1b[31mred\x1b[0m [/foo] <script> hun\u200bter"))
    recorder.add("agent", Message("x" * 100_000))
    recorder.close()
    first, second = _texts(folder)
    assert first == "*** red [/foo] <script> ***"
    assert second.endswith("… [83,616 characters left out]")
    assert [event["text"] for event in shown] == [first, second]


def test_too_many_events_keep_their_start_their_end_and_what_matters(folder: RunFolder) -> None:
    shown: list[Mapping[str, Any]] = []
    recorder = _recorder(folder, shown)
    for number in range(60_000):
        recorder.add("agent", Output("out", f"line {number:08d}"))
    recorder.catch_up("agent")
    recorder.add("agent", Finished("agent", "succeeded"))
    recorder.close()
    events = recorded_events(folder)
    check_events(events)
    assert shown == events
    assert len(folder.store.get("events.jsonl").body) < MOST_BYTES + 100_000
    marks = [index for index, event in enumerate(events) if event["type"] == "limit"]
    assert len(marks) == 2
    left_out = events[marks[1]]["value"]
    assert left_out == 60_000 - (marks[0] + len(events) - marks[1] - 2)
    assert events[-2]["text"] == "line 00059999"
    assert events[-1]["type"] == "finished"


def test_limits_are_recorded_when_nothing_else_has_room(folder: RunFolder) -> None:
    recorder = _recorder(folder)
    recorder.add("agent", Message("x" * 16_000))
    recorder._size = MOST_BYTES
    recorder.add("agent", Message("no room"))
    recorder.add("agent", Limit("time", limit=60, reached=True))
    recorder.close()
    assert [event["type"] for event in recorded_events(folder)] == ["message", "limit", "limit"]
