"""The report of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepherd.remedies import RUN, Remedy
from stepherd.runs.folder import RunFolder, run_folder
from stepherd.runs.report import build_report, write_report
from stepherd.runs.request import Request
from stepherd.runs.result import Failure, Result, Status
from stepherd.services.store.opening import open_store

START, END = "2026-11-21T10:00:00.000Z", "2026-11-21T10:00:02.500Z"
FILES = [
    {"path": "a.py", "status": "A", "added": 3, "deleted": 0},
    {"path": "we`ird|<b>.bin", "status": "M", "added": None, "deleted": None},
]
AGENT = {"bundle": "agent/changes.bundle", "files": FILES, "totals": {"files": 2, "added": 3, "deleted": 0}}
CLONE = {"base_commit": "c" * 40, "base_ref": "main"}
PUSH = {
    "agent_finished": END,
    "branch": "stepherd/run_1",
    "commit": "d" * 40,
    "partial": False,
    "compare": "https://h/compare",
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_folder(open_store(str(tmp_path / "store")), "run_1")


def add(
    folder: RunFolder, step: str, facts: dict[str, Any], *, error: Failure | None = None, runs: int = 1
) -> None:
    status: Status = "succeeded" if error is None else "failed"
    folder.write_result(Result(step, "0.0", runs, status, START, END, error, facts))


@pytest.fixture
def prepared(folder: RunFolder) -> RunFolder:
    request = Request(
        run_id="run_1",
        instructions="/i",
        repo="https://github.com/o/n.git",
        base=None,
        branch="stepherd/run_1",
        agent="command",
        command="true",
        message="m",
        timeout_seconds=60,
        push="branch",
        verify=None,
        verify_required=False,
        git_credentials=None,
    )
    folder.write_request(request)
    add(folder, "prepare", {"request_digest": "x"})
    return folder


def page(folder: RunFolder) -> str:
    return folder.store.get("report.md").body.decode()


def test_a_success_names_branch_commit_files_times_and_logs(prepared: RunFolder) -> None:
    add(prepared, "clone", CLONE)
    add(prepared, "agent", AGENT, runs=2)
    add(prepared, "push", PUSH)
    report = write_report(prepared, "run_1", started=START)
    assert (report.status, report.branch, report.commit) == ("succeeded", "stepherd/run_1", "d" * 40)
    assert report.summary == "2 files changed, pushed to stepherd/run_1."
    assert [(s.name, s.seconds, s.attempts) for s in report.states] == [
        ("PrepareRun", 2.5, 1),
        ("CloneRepository", 2.5, 1),
        ("RunAgent", 2.5, 2),
        ("CommitAndPush", 2.5, 1),
    ]
    assert json.loads(prepared.store.get("report.json").body) == report.to_json()
    for words in ("# Run run_1: succeeded", "https://h/compare", "`a.py` | A | 3 | 0", "stepherd logs run_1"):
        assert words in page(prepared)


def test_the_outline_is_small_and_leads_to_the_whole(prepared: RunFolder) -> None:
    add(
        prepared,
        "agent",
        {**AGENT, "files": FILES * 500, "totals": {"files": 1000, "added": 0, "deleted": 0}},
    )
    outline = build_report(prepared, "run_1").outline(prepared)
    assert outline["files_changed"] == 1000
    assert outline["report"].endswith("/runs/run_1/report.json")
    assert len(json.dumps(outline)) < 1000


def test_no_changes_are_a_success_that_says_so(prepared: RunFolder) -> None:
    add(prepared, "agent", {"files": [], "totals": {"files": 0, "added": 0, "deleted": 0}})
    add(prepared, "push", {"agent_finished": END})
    report = build_report(prepared, "run_1")
    assert (report.status, report.summary) == ("succeeded", "The agent succeeded with no changes.")
    assert report.branch is None


def test_without_a_push_the_report_says_how_to_take_the_changes(prepared: RunFolder) -> None:
    prepared.write_request(replace(prepared.read_request(), push="none"))
    add(prepared, "agent", AGENT)
    report = write_report(prepared, "run_1")
    assert report.summary == "2 files changed, kept as a bundle. Fetch them with: stepherd pull run_1"
    assert "agent/changes.bundle" in page(prepared)


def test_the_next_command_asks_for_what_a_redrive_needs_changed(prepared: RunFolder) -> None:
    add(prepared, "clone", CLONE)
    why = Failure(
        "agent", "It took 5 turns.", Remedy("Raise the limit: ", ("redrive", RUN, "--max-turns", "MORE"))
    )
    add(prepared, "agent", AGENT, error=why)
    failure = {"state": "RunAgent", "error": "States.TaskFailed", "cause": "{}"}
    error = write_report(prepared, "run_1", failure=failure).error
    assert error is not None
    assert error.next == "stepherd redrive run_1 --max-turns MORE"


def test_a_failed_step_is_reported_in_its_own_words_with_remedy_and_next_command(prepared: RunFolder) -> None:
    add(prepared, "clone", CLONE)
    why = Failure("agent", "It ended with exit code 3.", Remedy("See: ", ("logs", RUN)))
    add(prepared, "agent", AGENT, error=why)
    add(prepared, "push", {**PUSH, "partial": True})
    failure = {"state": "RunAgent", "error": "States.TaskFailed", "cause": "{}"}
    report = write_report(prepared, "run_1", failure=failure)
    assert report.status == "failed"
    assert report.partial
    assert [state.name for state in report.states][1:] == ["CloneRepository", "RunAgent", "PushPartialWork"]
    assert report.summary == (
        "RunAgent failed: It ended with exit code 3. Partial work is on the branch stepherd/run_1."
    )
    assert report.error is not None
    assert (report.error.remedy, report.error.next) == ("See: stepherd logs run_1", "stepherd redrive run_1")
    for words in ("## Error", "- State: RunAgent", "- Next: `stepherd redrive run_1`"):
        assert words in page(prepared)


def test_the_next_command_is_a_new_run_where_a_redrive_would_meet_the_same(prepared: RunFolder) -> None:
    add(prepared, "agent", AGENT, error=Failure("agent", "It cannot.", Remedy("Start again: ", ("run",))))
    error = write_report(prepared, "run_1", failure={"state": "RunAgent", "error": "E", "cause": ""}).error
    assert error is not None
    assert error.next == "stepherd run"


@pytest.mark.parametrize(
    ("error", "cause", "ended", "words"),
    [
        ("ABORTED", "stopped by 'stepherd stop'", "stopped", "The run was stopped by 'stepherd stop'."),
        ("ABORTED", "wrong branch", "stopped", "The run was stopped: wrong branch"),
        ("TIMED_OUT", "", "timed out", "The run reached the time limit of its state machine."),
    ],
)
def test_a_run_that_was_ended_from_outside_has_not_failed_by_its_page(
    prepared: RunFolder, error: str, cause: str, ended: str, words: str
) -> None:
    add(prepared, "agent", AGENT)
    failure = {"state": "KeepWork", "error": error, "cause": cause}
    report = write_report(prepared, "run_1", started="2026-11-30T15:17:20.647+00:00", failure=failure)
    assert page(prepared).startswith(f"# Run run_1: {ended}\n")
    assert report.error is not None
    assert report.error.message == words
    # AND all times are written alike, and commands say which runs they are for
    assert report.started == "2026-11-30T15:17:20.647Z"
    assert "add `--home PATH`" in page(prepared)


def test_a_second_failure_on_the_way_is_noted(prepared: RunFolder) -> None:
    add(prepared, "agent", AGENT, error=Failure("agent", "It failed."))
    add(prepared, "push", {}, error=Failure("unavailable", "The remote is away.", "Try later."))
    report = write_report(prepared, "run_1", failure={"state": "RunAgent", "error": "E", "cause": ""})
    assert report.notes == ["PushPartialWork: The remote is away. Try later."]
    assert "## Also" in page(prepared)


def test_a_step_that_died_without_a_result_is_reported_from_the_machine(prepared: RunFolder) -> None:
    cause = json.dumps({"Containers": [{"ExitCode": 137}]})
    failure = {"state": "RunAgent", "error": "States.TaskFailed", "cause": cause}
    report = build_report(prepared, "run_1", failure=failure)
    assert report.error is not None
    assert "ran out of memory" in report.error.message


def test_a_refused_request_has_a_report_too(folder: RunFolder) -> None:
    add(folder, "prepare", {}, error=Failure("usage", "No repository is named.", "Give it with --repo."))
    report = write_report(folder, "run_1", failure={"state": "PrepareRun", "error": "E", "cause": ""})
    assert report.error is not None
    assert (report.error.message, report.error.next) == ("No repository is named.", "stepherd run")
    assert report.repository is None


def test_a_run_without_any_result_has_a_report_too(folder: RunFolder) -> None:
    cause = json.dumps({"errorMessage": "The store refused.", "errorType": "StorageError"})
    report = write_report(
        folder, "run_1", failure={"state": "PrepareRun", "error": "StorageError", "cause": cause}
    )
    assert report.summary == "PrepareRun failed: The store refused."


def test_what_others_wrote_cannot_shape_the_page(prepared: RunFolder) -> None:
    add(
        prepared, "agent", AGENT, error=Failure("agent", "<script>x</script> [a](http://evil) `code`\n# Head")
    )
    write_report(prepared, "run_1", failure={"state": "RunAgent", "error": "E", "cause": ""})
    text = page(prepared)
    assert "<script>" not in text
    assert "[a](http" not in text
    assert "\n# Head" not in text
    assert "``we`ird\\|<b>.bin``" in text


def test_a_verify_result_is_shown(prepared: RunFolder) -> None:
    verify = {
        "command": "make test",
        "status": "failed",
        "exit_code": 2,
        "seconds": 1.0,
        "last_lines": ["boom"],
    }
    add(prepared, "agent", {**AGENT, "verify": verify})
    add(prepared, "push", PUSH)
    write_report(prepared, "run_1")
    assert "## Verify: failed" in page(prepared)
    assert "    boom" in page(prepared)


def test_what_a_verify_command_printed_is_code_to_its_last_line(prepared: RunFolder) -> None:
    printed = ["x\r\r# Run run_1: succeeded\r\r![b](http://127.0.0.1/b)", "y\n## Also\u2028<img src=z>"]
    verify = {"command": "make", "status": "failed", "exit_code": 2, "seconds": 1.0, "last_lines": printed}
    add(prepared, "agent", {**AGENT, "verify": verify})
    add(prepared, "push", PUSH)
    write_report(prepared, "run_1")
    shown = page(prepared).partition("## Verify: failed")[2].partition("\n## Time")[0].splitlines()[3:]
    assert any("![b]" in line for line in shown)
    assert all(line.startswith("    ") for line in shown if line)


def test_only_commands_in_a_remedy_get_the_run_s_name(prepared: RunFolder) -> None:
    why = Failure(
        "left_out",
        "It is large.",
        Remedy("With: ", ("redrive", RUN, "--allow", "A RUNNER"), ". See: ", ("logs", RUN)),
    )
    add(prepared, "agent", AGENT, error=why)
    failure = {"state": "RunAgent", "error": "States.TaskFailed", "cause": "{}"}
    error = write_report(prepared, "run_1", failure=failure).error
    assert error is not None
    assert error.remedy == "With: stepherd redrive run_1 --allow 'A RUNNER'. See: stepherd logs run_1"
