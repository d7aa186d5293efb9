"""Fault 76 in the whole: a run of which a part is left out ends FAILED with the rest on its branch."""

from __future__ import annotations

import pytest
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.origin import git

KEY = "AKIA" + "ABCDEFGHIJKLMNOP"


@pytest.mark.exhaustive
def test_a_part_is_left_out_told_kept_and_taken(place: Place) -> None:
    before = place.origin.refs()
    count = place.root / "count"
    agent = place.script(f"echo ran >> {count}; echo {KEY} > creds.txt; echo work > work.txt")
    done = place.run(agent)
    assert done.code == 1
    fields = done.json
    assert (fields["status"], fields["partial"], fields["branch"]) == ("FAILED", True, "stepherd/run_1")
    assert [each["path"] for each in fields["left_out"]] == ["creds.txt"]
    assert fields["error"]["category"] == "left_out"
    commits = new_commits(place.origin, before)
    assert [*commits] == ["refs/heads/stepherd/run_1"]
    assert git(place.origin.bare, "ls-tree", "--name-only", "stepherd/run_1", "creds.txt") == ""
    # WHEN it is redriven, the agent is not paid for again, and nothing new is pushed
    assert place.cli("redrive", "run_1", "--json").code == 1
    assert count.read_text() == "ran\n"
    assert new_commits(place.origin, before) == commits
    # WHEN it is pulled, all of it comes, with a warning
    clone = place.root / "clone"
    git(place.root, "clone", "-q", str(place.origin.bare), str(clone))
    pulled = place.cli("pull", "run_1", "--branch", "mine", "--json", cwd=clone).ok()
    assert git(clone, "show", "mine:creds.txt") == KEY
    assert git(clone, "show", "mine:work.txt") == "work"
    assert not git(clone, "log", "-1", "--format=%s", "mine").startswith("Partial work")
    assert "Look before you push this anywhere: creds.txt:1" in pulled.err
    # AND another run may push it
    allowed = place.run(agent, "--allow", "creds.txt", "--allow", "other/**", name="run_2").ok().json
    assert allowed["status"] == "SUCCEEDED"
    assert git(place.origin.bare, "show", "stepherd/run_2:creds.txt") == KEY


def test_a_run_of_which_all_is_left_out_says_where_the_work_is(place: Place) -> None:
    before = place.origin.refs()
    done = place.run(place.script(f"echo {KEY} > creds.txt"))
    assert done.code == 1
    assert place.origin.refs() == before
    assert "Nothing is pushed: creds.txt:1" in done.json["error"]["message"]
    assert "stepherd pull run_1" in done.json["error"]["remedy"]
    clone = place.root / "clone"
    git(place.root, "clone", "-q", str(place.origin.bare), str(clone))
    place.cli("pull", "run_1", cwd=clone).ok()
    assert git(clone, "show", "stepherd/run_1:creds.txt") == KEY
