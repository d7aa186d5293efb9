"""A result.json, also one that no step has written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.errors import DataError
from stepherd.runs.folder import run_folder
from stepherd.runs.report import write_report
from stepherd.runs.result import Failure, Result
from stepherd.services.store.opening import open_store

START, END = "2026-11-21T10:00:00.000Z", "2026-11-21T10:00:02.500Z"
RESULT = Result("push", "0.0", 1, "failed", START, END, Failure("agent", "It failed.", "Look."), {"a": 1})
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=10),
    st.lists(st.none(), max_size=1),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=1),
    st.sampled_from(["2026-11-21T10:00:00", "2026-11-21", "succeeded", END]),
)


def test_a_result_comes_back_as_it_was_written() -> None:
    assert Result.from_json(json.loads(json.dumps(RESULT.to_json()))) == RESULT


@given(field=st.sampled_from([*RESULT.to_json(), "more"]), value=_VALUES)
def test_a_changed_field_is_refused_or_of_the_type_that_it_must_have(field: str, value: Any) -> None:
    try:
        read = Result.from_json({**RESULT.to_json(), field: value})
    except DataError:
        return
    assert read.seconds is not None
    assert read.runs + 1 > read.runs
    assert f"{read.step}{read.attempt}{read.started}{read.finished}" == (
        read.step + read.attempt + read.started + read.finished
    )
    assert read.error is None or read.error.message + read.error.remedy


@pytest.mark.parametrize(
    "change",
    [
        {"runs": "2"},
        {"attempt": None},
        {"started": "2026-11-21T10:00:00"},
        {"finished": "soon"},
        {"status": "fine"},
        {"facts": []},
        {"error": {"category": "agent", "message": 7}},
        {"step": "clone"},
        {"more": 1},
    ],
)
def test_a_result_that_no_step_wrote_is_named_in_the_report_of_a_failure(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    folder = run_folder(open_store(str(tmp_path)), "run_1")
    folder.store.put("push/result.json", json.dumps({**RESULT.to_json(), **change}).encode())
    with pytest.raises(DataError):
        folder.read_result("push")
    failure = {"state": "CommitAndPush", "error": "CommitAndPushFailed", "cause": "{}"}
    report = write_report(folder, "run_1", failure=failure)
    assert report.error is not None
    assert any("result" in note for note in report.notes)
