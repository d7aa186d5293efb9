"""Fault 75: in the whole pipeline, committed work is pushed, or kept and named, whatever the exit code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.e2e.inside import Inside
from tests.e2e.place import Place
from tests.integration.repositories.origin import git

pytestmark = pytest.mark.exhaustive

WHO = "git config user.name A; git config user.email a@example.com\n"
FIX = (
    WHO
    + "git checkout -qb fix; echo x > a.txt; git add a.txt; git commit -qm 'Fix it'; git checkout -q main\n"
)
TRY = "git checkout -qb try; echo y > a.txt; git add a.txt; git commit -qm 'Try it'; git checkout -q main\n"


def report(place: Place) -> tuple[dict[str, Any], str]:
    folder = place.home / "store/runs/run_1"
    fields: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return fields, (folder / "report.md").read_text()


@pytest.mark.parametrize(("ending", "status"), [("", "SUCCEEDED"), ("exit 1", "FAILED")])
def test_a_branch_that_the_agent_left_is_pushed(place: Place, ending: str, status: str) -> None:
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(FIX + ending)) == status
    fields, page = report(place)
    assert place.origin.show("stepherd/run_1", "a.txt") == "x"
    assert [file["path"] for file in fields["files_changed"]] == ["a.txt"]
    assert "It is what the agent left in: branch fix." in fields["summary"]
    assert [commit["subject"] for commit in fields["commits"]] == ["Fix it"]
    assert "## The agent's commits" in page
    assert fields["partial"] == (status == "FAILED")


@pytest.mark.parametrize(("ending", "status"), [("", "SUCCEEDED"), ("exit 1", "FAILED")])
def test_several_branches_are_named_and_none_is_pushed(place: Place, ending: str, status: str) -> None:
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(FIX + TRY + ending)) == status
    fields, page = report(place)
    assert place.origin.tip("stepherd/run_1") is None
    assert fields["branch"] is None
    assert "no changes" not in fields["summary"]
    assert {line["from"] for line in fields["kept"]} == {"branch fix", "branch try"}
    assert "branch fix (fix)" in fields["summary"]
    assert "## Other work, which was not pushed: 2" in page
    if status == "SUCCEEDED":
        assert "stepherd pull run_1 --kept" in fields["summary"]


def test_other_lines_come_along_to_the_next_attempt(place: Place) -> None:
    body = f"if test -e {place.root}/again; then git log -1 --format=%s refs/stepherd/kept/fix > "
    body += f"{place.root}/seen; exit 0; fi\ntouch {place.root}/again\n" + FIX + TRY + "exit 1"
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body)) == "FAILED"
        assert inside.rerun() == "SUCCEEDED"
    assert place.lines("seen") == ["Fix it"]
    fields, _ = report(place)
    assert {line["name"] for line in fields["kept"]} == {"fix", "try"}


def test_only_ignored_files_are_named(place: Place) -> None:
    place.origin.commit({".gitignore": "*.log\nbuild/\n"})
    with Inside.at(place) as inside:
        assert (
            inside.run(command=place.script("echo x > out.log; mkdir build; echo y > build/y")) == "SUCCEEDED"
        )
    fields, _ = report(place)
    assert fields["summary"] == (
        "The agent succeeded with no changes. Left out, because git ignores it: build/, out.log."
    )


def test_the_agents_own_commits_are_kept_when_asked_for(place: Place) -> None:
    body = (
        WHO
        + 'for n in 1 2; do echo $n > a$n.txt; git add -A; git commit -qm "Step $n"; done; echo 3 > a3.txt'
    )
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body), commits="keep", message="All of it") == "SUCCEEDED"
        assert inside.run("run_2", command=place.script(body), message="All of it") == "SUCCEEDED"
    assert place.origin.log("stepherd/run_1")[:3] == ["All of it", "Step 2", "Step 1"]
    assert place.origin.log("stepherd/run_2")[0] == "All of it"
    assert git(place.origin.bare, "rev-list", "--count", "main..stepherd/run_2") == "1"


def test_what_a_reviewer_would_not_want_is_noted(place: Place) -> None:
    body = "mkdir -p __pycache__ node_modules/x\n"
    body += "for file in __pycache__/a.pyc node_modules/x/y .DS_Store; do echo x > $file; done\n"
    body += "printf '<<<<<<< HEAD\\na\\n=======\\nb\\n>>>>>>> fix\\n' > merged.txt\n"
    body += "printf 'Title\\n=======\\n' > t.rst"
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body)) == "SUCCEEDED"
    notes = " ".join(report(place)[0]["notes"])
    assert "compiled Python, which .gitignore would leave out: __pycache__/a.pyc." in notes
    assert "node_modules" in notes
    assert ".DS_Store" in notes
    assert "conflict markers of a merge: merged.txt." in notes


def test_a_worktree_of_claude_code_is_the_result(place: Place) -> None:
    body = WHO + "git worktree add -q -b worktree-x .claude/worktrees/x; cd .claude/worktrees/x\n"
    body += "echo done > a.txt; git add a.txt; git commit -qm 'In a worktree'; echo more > b.txt"
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body)) == "SUCCEEDED"
    assert place.origin.show("stepherd/run_1", "a.txt") == "done"
    assert place.origin.show("stepherd/run_1", "b.txt") == "more"
