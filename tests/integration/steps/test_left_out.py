"""Work of which a part must not be pushed: the rest is delivered, a redrive pays for no second agent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.steps.rig import Rig, git

from stepherd.repositories.scan import ChangesBlocked
from stepherd.runs.report import write_report

pytestmark = pytest.mark.exhaustive

KEY = "AKIA" + "ABCDEFGHIJKLMNOP"
WORK = f"sh -c 'echo ran >> {{count}}; echo {KEY} > creds.txt; echo work > work.txt'"


def begin(rig: Rig, tmp_path: Path, command: str = WORK, **fields: str) -> Path:
    count = tmp_path / "count"
    rig.make_remote()
    rig.prepare(command=command.format(count=count), **fields)
    rig.steps("clone")
    return count


def amend(rig: Rig, **fields: str) -> None:
    """Change the request as a redrive's amendment does."""
    request = json.loads(rig.folder.store.get("request.json").body)
    rig.folder.store.put("request.json", json.dumps({**request, **fields}).encode())


def files_of(rig: Rig, rev: str) -> set[str]:
    return set(git(rig.remote, "ls-tree", "-r", "--name-only", rev).splitlines())


def test_the_rest_is_pushed_as_partial_and_the_report_says_why(rig: Rig, tmp_path: Path) -> None:
    begin(rig, tmp_path)
    assert rig.step("agent").returncode == ChangesBlocked.exit_code
    rig.steps("push")
    assert files_of(rig, "stepherd/run_1") == {"README.md", "work.txt"}
    message = rig.show("stepherd/run_1", "%B")
    assert message.startswith("Partial work: ")
    assert "creds.txt:1: it contains what looks like an AWS access key" in message.replace("\n", " ")
    failure = {"state": "RunAgent", "error": "States.TaskFailed"}
    report = write_report(rig.folder, rig.run_id, failure=failure)
    assert [(each["path"], each["line"], each["what"]) for each in report.left_out] == [
        ("creds.txt", 1, "secret")
    ]
    assert report.partial
    assert report.error is not None
    assert report.error.category == "left_out"
    assert report.error.next == "stepherd pull run_1"
    assert "--allow creds.txt" in report.error.remedy
    page = rig.folder.store.get("report.md").body.decode()
    assert "## Left out" in page
    assert KEY not in page + json.dumps(report.to_json()) + message


def test_a_redrive_runs_no_second_agent_and_delivers_what_is_allowed_by_then(
    rig: Rig, tmp_path: Path
) -> None:
    count = begin(rig, tmp_path, verify="test -f work.txt")
    assert rig.step("agent").returncode == ChangesBlocked.exit_code
    assert rig.result("agent").facts["verify"]["status"] == "passed"
    rig.steps("push")
    partial = rig.branches()["stepherd/run_1"]
    # WHEN it is redriven as it is
    assert rig.step("agent", STEPHERD_ATTEMPT="1.0").returncode == ChangesBlocked.exit_code
    rig.steps("push")
    # THEN nothing changed, and the agent was not paid for again
    assert rig.branches()["stepherd/run_1"] == partial
    assert count.read_text() == "ran\n"
    # WHEN it is redriven with the path allowed
    amend(rig, allow="creds.txt")
    rig.steps("agent", "push", STEPHERD_ATTEMPT="2.0")
    # THEN all of it is on the branch, upon the partial commit
    assert files_of(rig, "stepherd/run_1") == {"README.md", "work.txt", "creds.txt"}
    assert rig.show("stepherd/run_1", "%P") == partial
    assert not rig.show("stepherd/run_1", "%s").startswith("Partial work")
    assert count.read_text() == "ran\n"
    report = write_report(rig.folder, rig.run_id)
    assert (report.status, report.partial, report.left_out) == ("succeeded", False, [])
    assert {file["path"] for file in report.files_changed} == {"work.txt", "creds.txt"}


def test_what_holds_a_secret_of_the_run_stays_out_whatever_is_allowed_later(tester_rig: Rig) -> None:
    rig, own = tester_rig, "gw-Zk3v9QpL0xT7nR2s"
    script = f"echo $TESTER_KEY > a.txt; echo {KEY} > b.txt; mkdir -p d; echo {KEY} > d/$TESTER_KEY"
    rig.tester(script, agent_credentials="env:TESTER_KEY")
    assert rig.step("agent", TESTER_KEY=own).returncode == ChangesBlocked.exit_code
    amend(rig, allow="**", agent_credentials="none")
    # The key is known no longer.
    again = rig.step("agent", STEPHERD_ATTEMPT="1.0")
    assert again.returncode == ChangesBlocked.exit_code
    rig.steps("push")
    assert files_of(rig, "stepherd/run_1") == {"README.md", "b.txt"}


def test_without_a_push_nothing_is_missing(rig: Rig, tmp_path: Path) -> None:
    begin(rig, tmp_path, push="none")
    rig.steps("agent")
    report = write_report(rig.folder, rig.run_id)
    assert report.status == "succeeded"
    assert [each["path"] for each in report.left_out] == ["creds.txt"]


@pytest.mark.parametrize("more", ["", "; echo work > work.txt"])
def test_an_environment_is_named_and_the_run_succeeds(rig: Rig, tmp_path: Path, more: str) -> None:
    make = "python3 -m venv --without-pip .venv; rm -f .venv/.gitignore"
    begin(rig, tmp_path, f"sh -c '{make}{more}'")
    rig.steps("agent", "push")
    report = write_report(rig.folder, rig.run_id)
    assert (report.status, report.partial) == ("succeeded", False)
    assert [(each["path"], each["what"]) for each in report.left_out] == [(".venv", "environment")]
    if more:
        assert files_of(rig, "stepherd/run_1") == {"README.md", "work.txt"}
    else:
        assert rig.branches().keys() == {"main"}
        assert ".venv" in report.summary


def test_the_push_leaves_out_its_own_token_delivers_the_rest_and_fails(rig: Rig) -> None:
    token = "an-unusual-token-format-1"
    rig.make_remote()
    command = f"sh -c 'echo {token} > notes.md; echo work > work.txt'"
    rig.prepare(command=command, git_credentials="env:TOKEN")
    rig.steps("clone", TOKEN=token)
    rig.steps("agent")
    pushed = rig.step("push", TOKEN=token)
    assert pushed.returncode == ChangesBlocked.exit_code
    assert files_of(rig, "stepherd/run_1") == {"README.md", "work.txt"}
    failure = {"state": "CommitAndPush", "error": "States.TaskFailed"}
    report = write_report(rig.folder, rig.run_id, failure=failure)
    assert (report.status, report.partial, report.branch) == ("failed", True, "stepherd/run_1")
    assert [each["path"] for each in report.left_out] == ["notes.md"]
    assert token not in json.dumps(report.to_json())
