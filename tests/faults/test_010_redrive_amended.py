"""Fault 10: a redrive with other limits or another branch, taken up wherever the run stands."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from tests.e2e.gate import Gate
from tests.e2e.inside import Inside
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.origin import git

pytestmark = pytest.mark.exhaustive

BRANCH = "refs/heads/stepherd/run_1"
OTHER = "refs/heads/other"


@pytest.fixture
def gate(place: Place) -> Gate:
    return Gate(place)


def _limits(place: Place) -> list[float]:
    """The time limits with which the agent was started."""
    lines = (place.home / "store/runs/run_1/events.jsonl").read_text().splitlines()
    events: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [e["limit_seconds"] for e in events if e["type"] == "started" and e["name"] == "agent"]


def test_a_run_that_failed_goes_on_with_more_time_and_to_another_branch(place: Place) -> None:
    before = place.origin.refs()
    body = f"echo begun >> {place.root}/count; n=$(wc -l < {place.root}/count); echo $n > file$n.txt\n"
    body += "test $n -gt 1 || exec sleep 300"
    assert place.run(place.script(body), "--timeout", "1").code == 1
    done = place.cli("redrive", "run_1", "--timeout", "77", "--branch", "other", "--json").ok()
    assert (done.json["branch"], done.json["redrives"]) == ("other", 1)
    assert new_commits(place.origin, before) == {
        BRANCH: ["Partial work: Do the work"],
        OTHER: ["Do the work"],
    }
    # The work so far went along.
    files = git(place.origin.bare, "ls-tree", "--name-only", OTHER).split()
    assert {"file1.txt", "file2.txt"} <= set(files)
    assert _limits(place) == [1, 77]
    assert place.cli("status", "run_1", "--json").ok().json["branch"] == "other"
    # The first request is still there, as it was.
    asked = json.loads((place.home / "store/runs/run_1/request.json").read_text())
    assert (asked["timeout_seconds"], asked["branch"]) == (1, "stepherd/run_1")


def test_a_run_that_was_stopped_in_its_agent_takes_it_up_there(place: Place, gate: Gate) -> None:
    place.run(gate.command, "--detach").ok()
    gate.await_agent()
    place.cli("stop", "run_1").ok()
    redriven = place.start("redrive", "run_1", "--timeout", "77", "--json")
    gate.await_agent()
    gate.open()
    assert place.end_of(redriven).ok().json["status"] == "SUCCEEDED"
    assert _limits(place) == [3600, 77]
    assert "half.txt" in git(place.origin.bare, "ls-tree", "--name-only", BRANCH).split()


def test_an_amendment_stays_for_later_redrives(place: Place) -> None:
    body = f"echo begun >> {place.root}/count; test $(wc -l < {place.root}/count) = 3"
    assert place.run(place.script(body)).code == 1
    assert place.cli("redrive", "run_1", "--timeout", "77").code == 1
    place.cli("redrive", "run_1", "--json").ok()
    assert _limits(place) == [3600, 77, 77]


def test_where_a_redrive_would_not_take_it_up_a_new_run_continues(place: Place, gate: Gate) -> None:
    # GIVEN a run whose agent has finished, and that was stopped while it pushed
    wrapper = place.root / "bin/git"
    wrapper.parent.mkdir()
    here, go = gate.pipes
    wrapper.write_text(
        f"#!/bin/sh\ncase \"$*\" in *' push '*) test -e {place.root}/open || "
        f"{{ echo here > {here}; read word < {go}; exit 1; }} ;; esac\n"
        f'PATH={os.environ["PATH"]}\nexport PATH\nexec git "$@"\n'
    )
    wrapper.chmod(0o755)
    blocked = {"PATH": f"{wrapper.parent}{os.pathsep}{place.environment['PATH']}"}
    command = place.script(f"echo begun >> {place.root}/count; echo new > new.txt", "quick.sh")
    place.run(command, "--detach", "--runner", "process", **blocked).ok()
    gate.await_agent()
    stopping = place.start("stop", "run_1", **blocked)
    gate.await_agent()
    gate.open()
    assert "Not all of its work could be kept" in place.end_of(stopping).ok().err
    # WHEN it is continued where something else would be chosen
    (place.root / "open").touch()
    del place.environment["STEPHERD_RUNNER"]
    note = place.home / "runners/run_1.json"
    note.write_text(json.dumps({"runner": "podman", "image": "localhost/of/the/agent"}))
    user = {"STEPHERD_AGENT_USER": "games"} if os.geteuid() == 0 else {}
    done = place.cli("redrive", "run_1", "--branch", "other", "--json", **user).ok()
    # THEN
    assert (done.json["run_id"], done.json["branch"]) == ("run_1.2", "other")
    assert "run_1.2 continues it" in done.err
    assert place.lines("count") == ["begun"]
    assert git(place.origin.bare, "show", f"{OTHER}:new.txt") == "new"
    # AND it runs as the run that it continues, whatever its agent has noted since
    assert json.loads((place.home / "runners/run_1.2.json").read_text())["runner"] == "process"


def test_a_branch_that_is_taken_is_replaced_before_the_agent_is_paid(place: Place) -> None:
    place.origin.commit({"theirs.txt": "x\n"}, branch="taken")
    command = place.script(f"echo begun >> {place.root}/count; echo new > new.txt")
    with Inside.at(place) as inside:
        # Past the check of the command line, as when somebody takes the name in the next moment.
        assert inside.run(command=command, branch="taken") == "FAILED"
    assert place.lines("count") == []
    done = place.cli("redrive", "run_1", "--branch", "other", "--json").ok()
    assert done.json["branch"] == "other"
    assert place.lines("count") == ["begun"]


def test_what_was_left_out_is_allowed_and_the_agent_is_not_paid_again(place: Place) -> None:
    key = "ghp_" + "a1B2" * 9
    body = f"echo begun >> {place.root}/count; echo new > new.txt; echo {key} > key.txt"
    assert place.run(place.script(body)).code == 1
    assert "key.txt" not in git(place.origin.bare, "ls-tree", "--name-only", BRANCH)
    place.cli("redrive", "run_1", "--allow", "key.txt", "--json").ok()
    assert git(place.origin.bare, "show", f"{BRANCH}:key.txt") == key
    assert place.lines("count") == ["begun"]


def test_an_amendment_that_makes_no_sense_is_refused_and_nothing_begins(place: Place) -> None:
    command = place.script(f"echo begun >> {place.root}/count; exit 1")
    assert place.run(command).code == 1
    for words, says in (
        (("--branch", "a b"), "The branch name 'a b' is not acceptable"),
        (("--timeout", "0"), "--timeout"),
        (("--timeout", "90000"), "timeout_seconds"),
        (("--max-turns", "3"), "does not report its turns"),
    ):
        refused = place.cli("redrive", "run_1", *words)
        assert refused.code == 64
        assert says in refused.err
    assert place.lines("count") == ["begun"]
    assert place.status()["redrives"] == 0


@pytest.mark.parametrize(
    ("branch", "says"), [("taken", "has other commits"), ("taken/below", "cannot be created")]
)
def test_another_branch_without_room_is_refused_before_anything_starts(
    place: Place, branch: str, says: str
) -> None:
    command = place.script(f"echo begun >> {place.root}/count; echo $$ > new.txt; test -e {place.root}/luck")
    assert place.run(command).code == 1
    # GIVEN a base that has moved on since, and is another branch's name by now
    place.origin.commit({"theirs.txt": "x\n"}, branch="taken")
    refs = place.origin.refs()
    refused = place.cli("redrive", "run_1", "--branch", branch)
    assert (refused.code, refused.err.count("\n")) == (73, 1), refused.err
    assert says in refused.err
    assert "another --branch" in refused.err
    assert (place.status()["redrives"], place.lines("count"), place.origin.refs()) == (0, ["begun"], refs)
    # WHEN the advice is taken
    (place.root / "luck").touch()
    assert place.cli("redrive", "run_1", "--branch", "free", "--json").ok().json["branch"] == "free"


def test_a_repository_that_is_gone_is_said_before_the_agent_is_paid(place: Place) -> None:
    assert place.run(place.script(f"echo begun >> {place.root}/count; exit 1")).code == 1
    place.origin.bare.rename(place.root / "elsewhere.git")
    refused = place.cli("redrive", "run_1", "--branch", "free")
    assert (refused.code, refused.err.count("\n")) == (64, 1), refused.err
    (place.root / "elsewhere.git").rename(place.origin.bare)
    assert (place.status()["redrives"], place.lines("count")) == (0, ["begun"])
