"""A result that an agent wrote in place of its step is read as one, or refused in one line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepherd.errors import DataError
from stepherd.runs.fact_types import _FACTS
from stepherd.runs.report_work import kept_lines, no_changes, with_kept, work_notes
from stepherd.runs.result import Result
from stepherd.steps.left_out import blocks, left_out_of
from stepherd.text.moments import now

WORDS = st.sampled_from(["path", "line", "what", "detail", "name", "commit", "from", "status", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=8,
)


def read(facts: dict[str, Any]) -> Result:
    fields = {"step": "agent", "attempt": "0.0", "runs": 1, "status": "succeeded", "started": now()}
    return Result.from_json({**fields, "finished": now(), "error": None, "facts": facts})


@given(st.dictionaries(st.sampled_from(sorted(_FACTS)), JSON, min_size=1, max_size=3))
def test_whatever_the_facts_are_they_are_refused_or_can_be_used(facts: dict[str, Any]) -> None:
    try:
        found = read(facts).facts
    except DataError:
        return
    blocks(left_out_of(found))
    kept_lines(found), no_changes(found, "run_1"), with_kept(found, ""), [*work_notes(found, "run_1")]


@pytest.mark.parametrize("name", ["left_out", "kept", "attempt", "files", "totals", "verify", "bundle"])
@pytest.mark.parametrize("value", [None, "x", True, [1], {"path": [5]}, [{"path": 1}], [[]]])
def test_what_no_step_writes_is_refused(name: str, value: object) -> None:
    if (name, value) != ("bundle", "x"):
        with pytest.raises(DataError, match=name):
            read({name: value})


def test_what_a_step_writes_is_taken() -> None:
    facts = {
        "attempt": 1,
        "left_out": [{"path": "a", "line": None, "what": "secret", "detail": "x"}],
        "kept": [{"name": "fix", "commit": "c", "subject": "s", "from": "branch fix", "superseded": True}],
        "files": [{"path": "a", "status": "A", "added": None, "deleted": None}],
        "totals": {"files": 1, "added": 0, "deleted": 0},
        "verify": {"status": "passed", "exit_code": 0},
        "of a later version": {"any": ["thing"]},
    }
    assert read(facts).facts == facts
