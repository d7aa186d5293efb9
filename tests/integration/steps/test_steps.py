"""The steps of a run, as the processes that a container runs, with real git."""

from __future__ import annotations

import json

import pytest
from tests.integration.steps.rig import ROOT, Rig, git

from stepherd.runs.report import build_report

MAKE_FILE = "sh -c 'echo new > new.txt'"


def test_a_run_ends_with_one_commit_on_its_branch(rig: Rig) -> None:
    base = rig.make_remote()
    rig.prepare("# Add new.txt\n", command=MAKE_FILE)
    rig.steps("clone", "agent", "push", "persist")
    facts = rig.result("push").facts
    assert rig.branches() == {"main": base, "stepherd/run_1": facts["commit"]}
    assert rig.show("stepherd/run_1", "%P") == base
    assert rig.show("stepherd/run_1", "%s") == "Add new.txt"
    assert git(rig.remote, "show", "stepherd/run_1:new.txt") == "new"
    agent = rig.result("agent").facts
    assert agent["files"] == [{"path": "new.txt", "status": "A", "added": 1, "deleted": 0}]
    assert agent["agent"]["exit_code"] == 0
    assert not facts["partial"]


def test_every_step_can_run_again_and_gives_its_old_result(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command=f"sh -c 'echo ran >> {rig.root}/ran; echo new > new.txt'")
    rig.steps("clone", "agent", "push", "persist")
    before = {step: rig.result(step) for step in ("clone", "agent")}
    pushed, branches = rig.result("push"), rig.branches()
    rig.steps("clone", "agent", "push", "persist", STEPHERD_ATTEMPT="1.0")
    assert {step: rig.result(step) for step in before} == before
    # AND the push has asked the remote again, and found what it had pushed
    assert (rig.result("push").runs, rig.result("push").facts) == (2, pushed.facts)
    assert rig.branches() == branches
    assert (rig.root / "ran").read_text() == "ran\n"


def test_no_changes_are_a_success_without_a_commit(rig: Rig) -> None:
    base = rig.make_remote()
    rig.prepare(command="true")
    rig.steps("clone", "agent", "push")
    assert rig.branches() == {"main": base}
    assert rig.result("agent").facts["files"] == []
    assert "commit" not in rig.result("push").facts


def test_an_agent_finds_its_instructions_and_only_what_it_may_have(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.make_remote()
    rig.prepare(
        "# Say hello\n", command="sh -c 'cat $STEPHERD_INSTRUCTIONS/instructions.md; env; ls -A $HOME'"
    )
    rig.steps("clone")
    done = rig.step("agent", AWS_SECRET_ACCESS_KEY="canary", STEPHERD_ANYTHING="canary", GIT_DIR="/canary")
    assert "# Say hello" in done.stdout
    assert "canary" not in done.stdout
    names = {line.partition("=")[0] for line in done.stdout.splitlines() if "=" in line}
    assert "STEPHERD_RUN_FOLDER" not in names
    assert {"PATH", "HOME", "TMPDIR", "STEPHERD_RUN_ID", "STEPHERD_INSTRUCTIONS", "TERM", "CI"} <= names


def test_a_failed_agent_s_work_is_pushed_as_partial(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare("# Add it\n", command="sh -c 'echo half > new.txt; echo no more ideas >&2; exit 3'")
    rig.steps("clone")
    assert rig.step("agent").returncode == 1
    result = rig.result("agent")
    assert result.status == "failed"
    assert result.error is not None
    assert "exit code 3. Its last words: no more ideas" in result.error.message
    rig.steps("push")
    assert rig.result("push").facts["partial"]
    message = rig.show("stepherd/run_1", "%B")
    assert message.startswith("Partial work: Add it\n\nThe agent did not finish: The agent 'command' ended")


def test_a_failure_of_the_same_attempt_is_returned_and_of_another_tried_again(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command=f"sh -c 'echo ran >> {rig.root}/ran; exit 3'")
    rig.steps("clone")
    assert [rig.step("agent").returncode for _ in range(2)] == [1, 1]
    assert (rig.root / "ran").read_text() == "ran\n", "the engine died after the step: it must not run again"
    assert rig.step("agent", STEPHERD_ATTEMPT="1.0").returncode == 1
    assert (rig.root / "ran").read_text() == "ran\nran\n"
    assert rig.result("agent").runs == 2


def test_a_redriven_agent_s_work_is_pushed_on_top_of_its_partial_work(rig: Rig) -> None:
    base = rig.make_remote()
    rig.prepare("# Add it\n", command=f"sh -c 'date +%N > new.txt; test -e {rig.root}/luck'")
    rig.steps("clone")
    rig.step("agent")
    rig.steps("push")
    partial = rig.branches()["stepherd/run_1"]
    (rig.root / "luck").touch()
    rig.steps("agent", "push", STEPHERD_ATTEMPT="1.0")
    facts = rig.result("push").facts
    assert not facts["partial"]
    assert rig.branches()["stepherd/run_1"] == facts["commit"]
    assert git(rig.remote, "merge-base", partial, facts["commit"]) == partial
    assert base in git(rig.remote, "rev-list", facts["commit"]).splitlines()


def test_finished_work_that_equals_the_partial_work_keeps_its_commit_and_says_so(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command=f"sh -c 'echo work > new.txt; test -e {rig.root}/luck'")
    rig.steps("clone")
    rig.step("agent")
    rig.steps("push")
    partial = rig.branches()["stepherd/run_1"]
    (rig.root / "luck").touch()
    rig.steps("agent", "push", STEPHERD_ATTEMPT="1.0")
    assert rig.branches()["stepherd/run_1"] == partial
    report = build_report(rig.folder, rig.run_id)
    assert not report.partial
    assert "its commit stays" in report.notes[0]


def test_a_passing_verify_command_is_recorded_and_its_litter_is_not_pushed(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command=MAKE_FILE, verify="sh -c 'echo all good; touch litter'", verify_required=True)
    rig.steps("clone", "agent", "push")
    verify = rig.result("agent").facts["verify"]
    assert (verify["status"], verify["exit_code"], verify["last_lines"]) == ("passed", 0, ["all good"])
    assert git(rig.remote, "ls-tree", "--name-only", "stepherd/run_1").split() == ["README.md", "new.txt"]


def test_a_failing_verify_command_fails_the_run_only_when_it_is_required(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command=MAKE_FILE, verify="sh -c 'echo broken; exit 2'")
    rig.steps("clone", "agent", "push")
    assert rig.result("agent").facts["verify"]["status"] == "failed"
    assert not rig.result("push").facts["partial"]


def test_a_required_verify_command_that_fails_makes_partial_work(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command=MAKE_FILE, verify="sh -c 'echo broken; exit 2'", verify_required=True)
    rig.steps("clone")
    assert rig.step("agent").returncode == 1
    error = rig.result("agent").error
    assert error is not None
    assert error.category == "verify"
    assert "ended with exit code 2. Its last words: broken" in error.message
    rig.steps("push")
    assert rig.result("push").facts["partial"]


def test_an_agent_that_takes_too_long_is_stopped_and_its_work_kept(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command="sh -c 'echo half > new.txt; exec sleep 300'", timeout_seconds=1)
    rig.steps("clone")
    assert rig.step("agent").returncode == 1
    result = rig.result("agent")
    assert result.error is not None
    assert "stopped at its time limit of 1 s" in result.error.message
    assert result.facts["bundle"]
    assert result.facts["agent"]["ending"] == "deadline"


def test_a_secret_in_the_changes_blocks_the_push_but_not_the_bundle(rig: Rig) -> None:
    base = rig.make_remote()
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    rig.prepare(command=f"sh -c 'echo aws_access_key_id = {key} > creds.txt'")
    rig.steps("clone")
    assert rig.step("agent").returncode == 65
    result = rig.result("agent")
    assert result.error is not None
    assert "creds.txt" in result.error.message
    assert key not in json.dumps(result.to_json())
    assert result.facts["bundle"]
    # All of it was left out: the push has nothing to do.
    assert rig.step("push").returncode == 0
    assert rig.branches() == {"main": base}


def test_the_default_branch_is_pushed_to_only_when_it_is_named(rig: Rig) -> None:
    base = rig.make_remote()
    rig.prepare(command=MAKE_FILE, branch="main")
    rig.steps("clone", "agent", "push")
    assert rig.show("main", "%P") == base


def test_a_branch_that_holds_other_work_is_left_alone(rig: Rig) -> None:
    base = rig.make_remote()
    git(rig.remote, "branch", "taken", base)
    git(rig.root / "work", "commit", "-q", "--allow-empty", "-m", "other")
    git(rig.root / "work", "push", "-q", str(rig.remote), "HEAD:taken")
    other = rig.branches()["taken"]
    rig.prepare(command=MAKE_FILE, branch="taken")
    # Before an agent is paid; and when it was taken meanwhile, at the push.
    assert rig.step("clone").returncode == 73
    git(rig.remote, "update-ref", "refs/heads/taken", base)
    rig.steps("clone", "agent", STEPHERD_ATTEMPT="0.1")
    git(rig.remote, "update-ref", "refs/heads/taken", other)
    assert rig.step("push").returncode == 73
    assert rig.branches()["taken"] == other


def test_output_events_and_result_are_in_the_run_folder(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command="sh -c 'echo hello; echo oops >&2'")
    rig.steps("clone", "agent")
    transcript = [
        json.loads(line)
        for line in rig.folder.store.get("agent/attempts/1/transcript.jsonl").body.splitlines()
    ]
    assert {(line["stream"], line["text"]) for line in transcript} == {
        ("agent", "hello"),
        ("agent-errors", "oops"),
    }
    events = [(event["source"], event["type"], event.get("text")) for event in rig.events()]
    assert events[0] == ("agent", "started", None)
    assert set(events[1:3]) == {("agent", "output", "hello"), ("agent", "output", "oops")}
    assert events[3] == ("agent", "finished", None)


def test_a_repository_that_is_not_there_is_said(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command="true", base="no-such-branch")
    assert rig.step("clone").returncode == 66
    error = rig.result("clone").error
    assert error is not None
    assert "no-such-branch" in error.message
    assert error.remedy


def test_a_step_before_its_time_says_which_is_first(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command="true")
    assert rig.step("agent").returncode == 66
    error = rig.result("agent").error
    assert error is not None
    assert "Run the step clone first" in error.remedy


@pytest.mark.parametrize(
    ("step", "environment", "code"),
    [("nonsense", {}, 64), ("clone", {"STEPHERD_RUN_FOLDER": ""}, 78), ("clone", {}, 66)],
)
def test_a_step_that_cannot_begin_says_why(
    rig: Rig, step: str, environment: dict[str, str], code: int
) -> None:
    done = rig.step(step, **environment)
    assert done.returncode == code
    assert done.stderr.startswith("stepherd: ")
    assert "Traceback" not in done.stderr


def test_a_damaged_request_is_said_and_kept(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command="true")
    rig.folder.store.put("request.json", b"{")
    done = rig.step("clone")
    assert done.returncode == 65
    assert "request.json is not a JSON object" in done.stderr
    assert rig.folder.store.get("request.json").body == b"{"


def test_the_apply_agent_runs_the_bundled_example(rig: Rig) -> None:
    example = ROOT / "examples" / "hello"
    files = {path.name: path.read_text() for path in (example / "repository").iterdir() if path.is_file()}
    rig.make_remote(**files)
    rig.prepare((example / "instructions.md").read_text())
    rig.steps("clone", "agent", "push", "persist")
    assert rig.result("agent").facts["verify"]["status"] == "passed"
    assert rig.show("stepherd/run_1", "%s") == "Tell the tides of a whole day"
    assert rig.result("agent").facts["totals"] == {"files": 4, "added": 40, "deleted": 3}


def test_the_log_of_a_failed_step_names_the_run_in_the_next_command(rig: Rig) -> None:
    rig.make_remote()
    rig.prepare(command="sh -c 'exit 3'")
    rig.steps("clone")
    done = rig.step("agent")
    assert done.returncode != 0
    assert "stepherd logs run_1" in done.stderr
    assert "RUN" not in done.stderr
    error = rig.result("agent").error
    assert error is not None
    assert error.commands == (("logs", "RUN"),)
