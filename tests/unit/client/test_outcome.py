"""How a run ended, when its history and its description do not agree yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepherd.backends.home.backend import HomeBackend
from stepherd.cli.invocation import Invocation
from stepherd.client.outcome import describe
from stepherd.client.outcome_text import outcome_lines
from stepherd.errors import CredentialsError
from stepherd.history.progress import Progress


def ended() -> Progress:
    progress = Progress()
    progress.feed(
        [
            {"id": 1, "previousEventId": 0, "type": "ExecutionStarted", "timestamp": 1.0},
            {"id": 2, "previousEventId": 1, "type": "ExecutionSucceeded", "timestamp": 3.0},
        ]
    )
    return progress


def running(_operation: str, _request: Any) -> dict[str, Any]:
    return {"status": "RUNNING"}


def test_a_run_that_has_ended_by_its_history_has_ended(tmp_path: Path) -> None:
    fields = describe(HomeBackend(tmp_path), running, "run_1", ended())
    assert (fields["status"], fields["error"], fields["seconds"]) == ("SUCCEEDED", None, 2.0)


def test_a_report_that_may_not_be_read_is_missing_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise CredentialsError("AWS refuses s3:GetObject.", remedy="Allow it.")

    monkeypatch.setattr("stepherd.runs.folder.RunFolder.read_report", refused)
    said: list[str] = []
    fields = describe(HomeBackend(tmp_path), running, "run_1", ended(), tell=said.append)
    assert fields["report"] is None
    assert said == ["The report cannot be read. AWS refuses s3:GetObject. Allow it."]
    with pytest.raises(CredentialsError):
        describe(HomeBackend(tmp_path), running, "run_1", ended())


@pytest.mark.parametrize(("branch", "pull"), [(None, True), ("stepherd/run_1", False)])
def test_a_failed_run_says_how_to_take_work_that_is_on_no_branch(
    tmp_path: Path, branch: str | None, pull: bool
) -> None:
    fields = {
        "run_id": "run_1", "status": "FAILED", "seconds": 1, "branch": branch, "bundle": "file:///b",
        "files_changed": [{"path": "a.txt", "added": 1, "deleted": 0}],
        "error": {"message": "It failed.", "next": "stepherd redrive run_1"},
    }  # fmt: skip
    lines = [text for text, _ in outcome_lines(Invocation(tmp_path), fields)]
    assert any("stepherd pull" in line for line in lines) == pull


REMEDIES = {
    "Continue with: stepherd redrive run_1": False,
    "See what it did with: stepherd logs --home HOME run_1": False,
    "Wait until the service lets it continue, then: stepherd redrive run_1": True,
    "Give a key that is good and continue with: stepherd redrive run_1": True,
    "Raise the limit: stepherd redrive run_1 --max-turns MORE": True,
    "Use a branch that the rule does not cover, with stepherd redrive run_1 --branch NAME.": True,
    "Set a valid key with --agent-credentials env:NAME, then: stepherd redrive run_1": True,
    "Give it more.": True,
}


@pytest.mark.parametrize("remedy", REMEDIES)
def test_a_remedy_is_shown_unless_the_next_commands_say_all_of_it(tmp_path: Path, remedy: str) -> None:
    shown = remedy.replace("HOME", str(tmp_path))
    error = {"message": "It failed.", "remedy": shown, "next": "stepherd redrive run_1"}
    fields = {"run_id": "run_1", "status": "FAILED", "seconds": 1, "error": error}
    lines = [text for text, _ in outcome_lines(Invocation(tmp_path), fields)]
    assert (f"  remedy   {shown}" in lines) == REMEDIES[remedy]


@pytest.mark.parametrize(
    ("status", "added", "deleted", "shown"),
    [
        ("A", 3, 0, "x (new) +3 -0"),
        ("D", 0, 2, "x (deleted) +0 -2"),
        ("M", 3, 2, "x +3 -2"),
        ("M", 0, 0, "x (mode)"),
        ("M", None, None, "x (binary)"),
        ("A", None, None, "x (new, binary)"),
        ("D", None, None, "x (deleted, binary)"),
        ("A", 0, 0, "x (new) +0 -0"),
    ],
)
def test_a_file_says_how_it_is_changed(
    tmp_path: Path, status: str, added: int | None, deleted: int | None, shown: str
) -> None:
    fields = {"run_id": "run_1", "status": "SUCCEEDED", "seconds": 1.0}
    file = {"path": "x", "status": status, "added": added, "deleted": deleted}
    lines = [line for line, _ in outcome_lines(Invocation(tmp_path), {**fields, "files_changed": [file]})]
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("  files")] == [shown]


def _files_line(tmp_path: Path, files: list[dict[str, Any]], totals: object) -> str:
    fields = {"run_id": "run_1", "status": "SUCCEEDED", "seconds": 1.0, "totals": totals}
    lines = [line for line, _ in outcome_lines(Invocation(tmp_path), {**fields, "files_changed": files})]
    return next(line.split(maxsplit=1)[1] for line in lines if line.startswith("  files"))


def test_a_renamed_file_is_shown_once(tmp_path: Path) -> None:
    files = [
        {"path": "old", "status": "D", "added": 0, "deleted": 2},
        {"path": "new", "status": "A", "added": 2, "deleted": 0, "renamed_from": "old"},
        {"path": "x", "status": "D", "added": 0, "deleted": 1},
    ]
    assert _files_line(tmp_path, files, {"files": 3}) == "old → new (renamed), x (deleted) +0 -1"


@pytest.mark.parametrize(
    ("totals", "more"), [({"files": 2345}, "2,339"), ({}, "4"), (None, "4"), ([], "4"), ({"files": "x"}, "4")]
)
def test_files_that_are_not_listed_are_counted(tmp_path: Path, totals: object, more: str) -> None:
    files = [{"path": str(number), "status": "M", "added": 1, "deleted": 0} for number in range(10)]
    assert _files_line(tmp_path, files, totals).endswith(f"5 +1 -0 and {more} more")
