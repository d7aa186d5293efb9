"""``stepherd run`` from written instructions to a pushed branch, as a person sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.aftermath import one_terminal_status
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.origin import git


def test_a_command_s_changes_become_one_commit_on_the_run_s_branch(place: Place) -> None:
    before = place.origin.refs()
    done = place.run("sh -c 'echo new > new.txt; rm src/app.py; echo more >> README.md'").ok()
    fields = done.json
    assert fields["status"] == "SUCCEEDED"
    assert fields["error"] is None
    assert fields["base_commit"] == before["refs/heads/main"]
    assert {file["path"]: file["status"] for file in fields["files_changed"]} == {
        "new.txt": "A",
        "src/app.py": "D",
        "README.md": "M",
    }
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    assert place.origin.tip("stepherd/run_1") == fields["commit"]
    assert place.origin.show("stepherd/run_1", "new.txt") == "new"
    assert [state["name"] for state in fields["states"]] == [
        *("PrepareRun", "CloneRepository", "RunAgent", "CommitAndPush", "ReportRun")
    ]
    assert {state["status"] for state in fields["states"]} == {"SUCCEEDED"}
    assert Path(fields["report"]).is_file()
    one_terminal_status(place, "run_1", "SUCCEEDED")


def test_off_a_terminal_a_line_tells_each_change_and_the_branch_alone_is_data(place: Place) -> None:
    words = [word for word in place.run_words("sh -c 'echo new > new.txt'") if word != "--json"]
    done = place.cli(*words).ok()
    assert done.out == "stepherd/run_1\n"
    for state in ("PrepareRun", "CloneRepository", "RunAgent", "CommitAndPush", "ReportRun"):
        assert f"{state} started" in done.err
        assert f"{state} succeeded after" in done.err
    assert "\x1b" not in done.err


def test_apply_does_what_the_fences_of_the_instructions_say(place: Place) -> None:
    told = place.instructions(
        "# Add a greeting\n\n```python file=src/greet.py\nprint('hello')\n```\n", "told.md"
    )
    done = place.run(None, "--agent", "apply", "--instructions", str(told)).ok()
    assert done.json["commit"] == place.origin.tip("stepherd/run_1")
    assert place.origin.show("stepherd/run_1", "src/greet.py") == "print('hello')"
    assert place.origin.log("stepherd/run_1")[0] == "Add a greeting"


@pytest.mark.parametrize("change", ["true", "sh -c 'echo new > new.txt && rm new.txt'"])
def test_no_changes_are_a_success_without_a_commit(place: Place, change: str) -> None:
    before = place.origin.refs()
    fields = place.run(change).ok().json
    assert fields["status"] == "SUCCEEDED"
    assert (fields["branch"], fields["commit"], fields["files_changed"]) == (None, None, [])
    assert "no changes" in fields["summary"]
    assert place.origin.refs() == before


def test_push_none_leaves_the_remote_alone_and_pull_makes_the_branch_once(place: Place) -> None:
    # GIVEN a run that pushes nothing
    before = place.origin.refs()
    fields = place.run("sh -c 'echo new > new.txt'", "--push", "none").ok().json
    assert (fields["status"], fields["branch"], fields["commit"]) == ("SUCCEEDED", None, None)
    assert fields["bundle"]
    assert place.origin.refs() == before
    # WHEN it is pulled into a clone, twice
    clone = place.root / "clone"
    git(place.root, "clone", "-q", str(place.origin.bare), str(clone))
    first = place.cli("pull", "run_1", "--json", cwd=clone).ok().json
    second = place.cli("pull", "run_1", "--json", cwd=clone / "src").ok().json
    # THEN the branch is there, made by the first, and what was checked out is not touched
    assert (first["branch"], first["created"]) == ("stepherd/run_1", True)
    assert second == {**first, "created": False}
    assert git(clone, "rev-parse", "stepherd/run_1") == first["commit"]
    assert git(clone, "rev-parse", "stepherd/run_1^") == before["refs/heads/main"]
    assert git(clone, "show", "stepherd/run_1:new.txt") == "new"
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "symbolic-ref", "HEAD") == "refs/heads/main"


@pytest.mark.exhaustive
def test_verify_is_recorded_and_required_only_where_that_is_said(place: Place) -> None:
    change, check = "sh -c 'echo new > new.txt'", "sh -c 'test -f new.txt && echo looked && exit 3'"
    fields = place.run(change, "--verify", check).ok().json
    assert (fields["verify"]["status"], fields["verify"]["exit_code"]) == ("failed", 3)
    assert fields["verify"]["last_lines"][-1] == "looked"
    assert fields["commit"]
    done = place.run(change, "--verify", check, "--verify-required", name="run_2")
    assert done.code == 1
    assert done.json["error"]["state"] == "RunAgent"
    assert done.json["error"]["category"] == "verify"
    assert place.origin.log("stepherd/run_2")[0] == "Partial work: Do the work"
    passing = place.run(change, "--verify", "test -f new.txt", "--verify-required", name="run_3").ok()
    assert passing.json["verify"]["status"] == "passed"


def test_a_folder_of_instructions_reaches_the_agent_and_its_head_fills_the_request(place: Place) -> None:
    # GIVEN settings in front matter, and a supporting file in a folder below
    head = f"---\nrepo: {place.origin.bare}\nbranch: feature/told\nmessage: As told\ncommand: >-\n"
    head += "  sh -c 'cp $STEPHERD_INSTRUCTIONS/data/table.csv .'\n---\n# Copy the table\n"
    place.instructions(head, "told/instructions.md")
    place.instructions("a,b\n", "told/data/table.csv")
    # WHEN one flag says otherwise
    done = place.cli("run", "--json", "--instructions", "told", "--message", "As the flag says").ok()
    # THEN flags win, front matter fills the rest
    assert done.json["branch"] == "feature/told"
    assert place.origin.show("feature/told", "table.csv") == "a,b"
    assert place.origin.log("feature/told")[0] == "As the flag says"


def test_a_base_branch_and_a_branch_of_one_s_own(place: Place) -> None:
    base = place.origin.commit({"old.txt": "old\n"}, branch="release/1")
    fields = place.run("sh -c 'echo new > new.txt'", "--base", "release/1", "--branch", "fix/it").ok().json
    assert (fields["base_commit"], fields["branch"]) == (base, "fix/it")
    assert git(place.origin.bare, "rev-parse", "fix/it^") == base


def test_a_line_with_anything_for_a_shell_is_read_by_one(place: Place) -> None:
    line = 'echo "$STEPHERD_RUN_ID" > id.txt && for n in 1 2; do echo $n >> n.txt; done'
    done = place.run(line, "--verify", "grep -q run_1 id.txt && test -e n.txt", "--verify-required").ok()
    assert done.json["verify"]["status"] == "passed"
    assert place.origin.show("stepherd/run_1", "id.txt") == "run_1"
    assert place.origin.show("stepherd/run_1", "n.txt") == "1\n2"


def test_words_behind_two_dashes_are_a_command_as_they_are(place: Place) -> None:
    script = place.script('printf "%s|" "$@" > words.txt')
    place.run(None, "--", *script.split(), "a b", "$HOME", "*", "--json", "--", "").ok()
    assert place.origin.show("stepherd/run_1", "words.txt") == "a b|$HOME|*|--json|--||"


def test_a_command_is_given_once(place: Place) -> None:
    twice = place.run("true", "--", "true")
    assert (twice.code, "given twice" in twice.err) == (64, True)
    none = place.run(None, "--")
    assert (none.code, "No program stands behind '--'" in none.err) == (64, True)


def test_a_dry_run_checks_and_starts_nothing(place: Place) -> None:
    before = place.origin.refs()
    done = place.run("touch new", "--dry-run").ok()
    assert done.json == {"run_id": "run_1", "dry_run": True, "remark": done.json["remark"]}
    assert "Nothing was started." in done.err
    refused = place.run("touch new", "--dry-run", "--base", "nowhere")
    assert (refused.code, "'nowhere' does not exist" in refused.err) == (66, True)
    assert place.origin.refs() == before
    assert not (place.home / "journal.sqlite3").exists()
    assert not (place.home / "store").exists()


def test_a_verify_command_that_is_not_there_is_said_before_the_agent_works(place: Place) -> None:
    done = place.run("touch new", "--verify", "no-such-thing --all")
    assert (done.code, "The verify command needs the program 'no-such-thing'" in done.err) == (78, True)
    assert not (place.home / "store").exists()


def test_what_fails_before_a_run_has_begun_suggests_no_redrive(place: Place) -> None:
    done = place.run("true", "--repo", "ssh://git@127.0.0.1:9/x.git", STEPHERD_ALLOW_LOOPBACK_REMOTES="1")
    assert done.code == 69
    assert "the same command" in done.err
    assert "redrive" not in done.err
