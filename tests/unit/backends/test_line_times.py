"""Each line of a log gets the time that events or the history say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stepherd.backends.home.logs import Line
from stepherd.backends.line_times import LineTimes
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.services.store.opening import open_store


def _at(second: int) -> str:
    return f"2026-11-30T10:00:{second:02d}.000Z"


def _event(second: int, text: str) -> dict[str, Any]:
    return {"at": _at(second), "source": "agent", "type": "output", "stream": "out", "text": text}


def _write(folder: RunFolder, *events: object) -> None:
    folder.store.put("events.jsonl", b"".join(json.dumps(each).encode() + b"\n" for each in events))


def _agent(*texts: str) -> list[Line]:
    return [Line("RunAgent", text) for text in texts]


def _times(lines: Any) -> list[str]:
    return [line.at for line in lines]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_folder(open_store(str(tmp_path / "store")), "run_1")


@pytest.fixture
def times(folder: RunFolder) -> LineTimes:
    made = LineTimes(folder)
    entered = {"name": "RunAgent"}
    made.learn(
        [
            {"id": 1, "timestamp": 1796032800.0, "type": "ExecutionStarted", "previousEventId": 0},
            {"id": 2, "timestamp": 1796032801.0, "type": "TaskStateEntered", "previousEventId": 1,
             "stateEnteredEventDetails": entered},
            {"id": 3, "timestamp": 1796032850.0, "type": "TaskStateExited", "previousEventId": 2,
             "stateExitedEventDetails": entered},
        ]
    )  # fmt: skip
    return made


def test_the_agent_s_lines_have_the_times_of_their_events(folder: RunFolder, times: LineTimes) -> None:
    _write(folder, _event(10, "ok"), _event(11, "ok"), _event(12, "\x1b[1mdone"), {"type": "odd"}, [1])
    lines = _agent("before", "ok", "ok", "not said", "\x1b[1mdone", "stepherd: agent: succeeded")
    assert _times(times.of_new(lines)) == [_at(1), _at(10), _at(11), _at(11), _at(12), _at(50)]


def test_last_lines_are_matched_from_their_end_and_new_ones_behind_them(
    folder: RunFolder, times: LineTimes
) -> None:
    first = [_event(second, "same") for second in range(10, 15)]
    _write(folder, *first)
    assert _times(times.of_last(_agent("same", "same"))) == [_at(13), _at(14)]
    _write(folder, *first, _event(20, "same"))
    assert _times(times.of_new(_agent("same"))) == [_at(20)]


def test_lines_that_are_followed_have_the_time_at_which_they_were_seen(
    folder: RunFolder, times: LineTimes
) -> None:
    _write(folder, _event(10, "told"))
    lines = _agent("told", "not yet", "stepherd: agent: succeeded")
    assert _times(times.of_new(lines, _at(40))) == [_at(10), _at(40), _at(40)]


def test_lines_that_have_a_time_keep_it_and_other_states_have_their_own(times: LineTimes) -> None:
    lines = [Line("RunAgent", "a", _at(30)), Line("Elsewhere", "b"), Line("RunAgent", "c")]
    assert _times(times.of_new(lines)) == [_at(30), "", _at(1)]


@pytest.mark.parametrize("at", [None, 5, "soon", "<script>"])
def test_what_is_no_time_is_none(folder: RunFolder, times: LineTimes, at: object) -> None:
    _write(folder, {**_event(10, "x"), "at": at})
    assert _times(times.of_last(_agent("x"))) == [_at(1)]
