"""However attempts at a run went, its report gives the reason of the last; what was before is called so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepherd.runs.attempts import AttemptKeys
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.runs.report import build_report
from stepherd.runs.result import Failure, Result
from stepherd.services.store.opening import open_store

STEPS = {"RunAgent": "agent", "CommitAndPush": "push", "PersistDatabase": "persist"}
ENDS = ("failed", "killed", "killed at once", "no task", "too long")
"""How an attempt ends: with a result; without one, once its number was taken or before; or no task of it ran
to an end that a step could tell of."""


def cause_of_task(attempt: str, code: int) -> str:
    variables = [
        {"Name": "STEPHERD_RUN_FOLDER", "Value": "x"},
        {"Name": "STEPHERD_ATTEMPT", "Value": attempt},
    ]
    overrides = {"ContainerOverrides": [{"Name": "side"}, {"Name": "agent", "Environment": variables}]}
    return json.dumps({"Containers": [{"Name": "agent", "ExitCode": code}], "Overrides": overrides})


@dataclass
class Story:
    """A run folder as attempts leave it, and how the last of them ended for the machine."""

    folder: RunFolder
    seconds: int = 0
    numbers: int = 0
    tries: int = 0
    failure: Mapping[str, Any] = field(default_factory=dict)
    expected: str = ""
    said: str | None = None
    """By the agent, in its last attempt that was begun."""

    def now(self) -> str:
        self.seconds += 1
        return f"2026-11-21T10:{self.seconds // 60:02}:{self.seconds % 60:02}.000Z"

    def tell(self, step: str, attempt: str, error: Failure | None) -> None:
        """A result of a step; of the agent's, in the folder of its own attempt, too."""
        self.tries += 1
        facts: dict[str, Any] = {"note": f"note-{self.tries}."}
        started = self.now()
        if step == "agent":
            keys = self.take_number()
            self.said = f"words-{self.tries}"
            facts |= {"attempt": keys.number, "files": [], "agent": {"said": self.said}}
        status = "succeeded" if error is None else "failed"
        result = Result(step, attempt, self.tries, status, started, self.now(), error, facts)
        if step == "agent":
            self.folder.write_result_at(keys.result, result)
        self.folder.write_result(result)

    def take_number(self) -> AttemptKeys:
        self.numbers, self.said = self.numbers + 1, None
        keys = AttemptKeys(self.numbers)
        for key in (keys.started, keys.agent):
            self.folder.write_first(key, {"started": self.now()})
        return keys

    def end(self, redrive: int, state: str, end: str, *, stopped_first: bool) -> None:
        step, attempt = STEPS[state], f"{redrive}.0"
        if stopped_first:  # AWS took the machine away, and the machine tried again by itself.
            self.tell(step, attempt, Failure("interrupted", f"reason-{self.tries + 1}."))
            attempt = f"{attempt}.1"
        error, cause = "States.TaskFailed", cause_of_task(attempt, 137)
        self.expected = "exit code 137"
        if end == "failed":
            self.tell(step, attempt, Failure("agent", f"reason-{self.tries + 1}."))
            cause, self.expected = cause_of_task(attempt, 1), f"reason-{self.tries}."
        elif end == "killed" and step == "agent":
            self.take_number()
        elif end == "no task":
            error, cause, self.expected = "AmazonECS.Unknown", "RESOURCE:MEMORY", "RESOURCE:MEMORY"
        elif end == "too long":
            error, cause, self.expected = "States.Timeout", "", "longer than allowed"
        if state != "RunAgent":
            error, cause = f"{state}Failed", f"{error}: {cause}"
        self.failure = {"state": state, "error": error, "cause": cause, "redrives": redrive}


ends = st.tuples(st.sampled_from(ENDS), st.booleans())


def told(folder: RunFolder, of_agent: list[Any], of_others: list[Any]) -> Story:
    story = Story(folder)
    for redrive, (end, stopped) in enumerate(of_agent):
        story.end(redrive, "RunAgent", end, stopped_first=stopped)
    if of_others:
        story.tell("agent", f"{len(of_agent)}.0", None)
    for redrive, (state, (end, stopped)) in enumerate(of_others, start=len(of_agent)):
        story.end(redrive, state, end, stopped_first=stopped)
    return story


@pytest.mark.exhaustive
@settings(max_examples=25)
@given(
    of_agent=st.lists(ends, min_size=1, max_size=4),
    of_others=st.lists(st.tuples(st.sampled_from(["CommitAndPush", "PersistDatabase"]), ends), max_size=4),
)
def test_the_reason_is_always_that_of_the_last_attempt(
    tmp_path_factory: pytest.TempPathFactory, of_agent: list[Any], of_others: list[Any]
) -> None:
    folder = run_folder(open_store(str(tmp_path_factory.mktemp("store"))), "run_1")
    story = told(folder, of_agent, of_others)
    report = build_report(folder, "run_1", failure=story.failure)
    assert report.error is not None
    assert report.error.state == story.failure["state"]
    assert story.expected in report.error.message
    failed_now = story.expected.startswith("reason-")
    assert ("reason-" in report.error.message) == failed_now
    # AND what an earlier attempt said is said to have been before, if it is said at all
    old = [note for note in report.notes if "reason-" in note]
    assert all(note.startswith("Before that") for note in old), report.notes
    if story.failure["state"] == "RunAgent":
        assert report.said == story.said
        notes = [note for note in report.notes if "note-" in note]
        assert not any(note.startswith("Before that") is failed_now for note in notes), report.notes
    status = {state.name: state.status for state in report.states}
    assert status.get(story.failure["state"], "failed") in ("failed", "interrupted")
