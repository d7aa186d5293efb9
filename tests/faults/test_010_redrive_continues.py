"""Fault 10: a redrive continues the work so far, whatever the agent, and overwrites nothing that was left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.inside import Inside
from tests.e2e.place import Place
from tests.integration.repositories.origin import git

pytestmark = pytest.mark.exhaustive

BRANCH = "refs/heads/stepherd/run_1"


def _files(place: Place, ref: str = BRANCH) -> set[str]:
    return set(git(place.origin.bare, "ls-tree", "-r", "--name-only", ref).split())


def _kept(place: Place, name: str) -> Path:
    return place.home / "store/runs/run_1/agent/attempts" / name


def _result(place: Place) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((place.home / "store/runs/run_1/agent/result.json").read_text())
    return fields


def test_the_next_attempt_finds_the_files_of_the_one_before(place: Place) -> None:
    # GIVEN an agent that leaves a file of its own at every attempt, and remembers nothing
    body = f"echo begun >> {place.root}/count; n=$(wc -l < {place.root}/count)\n"
    body += f"ls > {place.root}/seen.$n; echo $n > file$n.txt; test $n = 3"
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body)) == "FAILED"
        first = _kept(place, "1/changes.bundle").read_bytes()
        assert _files(place) >= {"file1.txt"}
        assert inside.rerun() == "FAILED"
        second = _kept(place, "2/changes.bundle").read_bytes()
        # THEN the second partial commit holds the first one's file
        assert _files(place) >= {"file1.txt", "file2.txt"}
        assert inside.rerun() == "SUCCEEDED"
    assert "file1.txt" in place.lines("seen.2")
    assert {"file1.txt", "file2.txt"} <= set(place.lines("seen.3"))
    assert _files(place) >= {"file1.txt", "file2.txt", "file3.txt"}
    # AND each attempt's bundle is there under its own name, as it was
    assert _kept(place, "1/changes.bundle").read_bytes() == first
    assert _kept(place, "2/changes.bundle").read_bytes() == second
    facts = _result(place)["facts"]
    assert (facts["attempt"], facts["bundle"]) == (3, "agent/attempts/3/changes.bundle")


def test_changes_deletions_and_modes_continue_too(place: Place) -> None:
    place.origin.commit({"gone.txt": "x\n", "kept.txt": "a\n"})
    body = f"""
if test -e {place.root}/again; then git status --short > {place.root}/seen; exit 0; fi
touch {place.root}/again
rm gone.txt; echo b > kept.txt; printf '#!/bin/sh\\n' > run.sh; chmod +x run.sh; ln -s kept.txt link
exit 1"""
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body)) == "FAILED"
        assert inside.rerun() == "SUCCEEDED"
    assert sorted(place.lines("seen")) == [" D gone.txt", " M kept.txt", "?? link", "?? run.sh"]
    tree = git(place.origin.bare, "ls-tree", BRANCH)
    assert "gone.txt" not in tree
    assert "100755" in tree
    assert "120000" in tree


def test_a_file_whose_checkout_is_not_its_bytes_stops_no_redrive(place: Place) -> None:
    """A base with CRLF under an attribute that says text looks changed from the first moment on."""
    place.origin.commit({".gitattributes": "*.txt text\n", "crlf.txt": "a\r\nb\r\n"})
    body = f"if test -e {place.root}/again; then cat crlf.txt > {place.root}/seen; exit 0; fi\n"
    body += f"touch {place.root}/again; echo c >> crlf.txt; exit 1"
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body)) == "FAILED"
        assert inside.rerun() == "SUCCEEDED"
    assert place.lines("seen") == ["a", "b", "c"]


def test_a_failed_verify_is_repeated_alone(place: Place) -> None:
    # GIVEN a good agent, and a verify command that fails for a reason outside of the repository
    agent = place.script(f"echo begun >> {place.root}/count; echo new > new.txt; mkdir d; echo x > d/ig.log")
    verify = place.script(f"cat new.txt; test -e {place.root}/service", "verify.sh")
    with Inside.at(place) as inside:
        asked = {"verify": verify, "verify_required": True}
        assert inside.run(command=agent, **asked) == "FAILED"
        assert git(place.origin.bare, "log", "-1", "--format=%s", BRANCH).startswith("Partial work")
        # WHEN it is redriven before and after that is repaired
        assert inside.rerun() == "FAILED"
        (place.root / "service").touch()
        assert inside.rerun() == "SUCCEEDED"
    # THEN the agent ran once, on AWS it is paid once, and its work is verified and delivered
    assert place.lines("count") == ["begun"]
    assert _files(place) >= {"new.txt", "d/ig.log"}
    report = place.folder().read_report()
    assert report is not None
    assert (report["status"], report["verify"]["status"], report["partial"]) == ("succeeded", "passed", False)
    assert _kept(place, "1/verify.json").exists()
    assert _kept(place, "3/verify.json").exists()
    assert not _kept(place, "3/changes.bundle").exists()


def test_work_that_cannot_be_put_back_is_no_reason_to_begin_without_it(place: Place) -> None:
    """Else the next commit would take the partial one's files away."""
    body = f"echo begun >> {place.root}/count; echo half > half.txt; exit 1"
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body)) == "FAILED"
        bundle = _kept(place, "1/changes.bundle")
        bundle.write_bytes(b"nonsense")
        assert inside.rerun() == "FAILED"
    assert place.lines("count") == ["begun"]
    assert "half.txt" in _files(place)
    report = place.folder().read_report()
    assert report is not None
    assert "cannot be restored" in report["error"]["message"]
    assert str(bundle) in report["error"]["message"]


def test_an_attempt_that_does_not_get_to_its_agent_hides_nothing(place: Place) -> None:
    body = f"echo begun >> {place.root}/count; echo half > half.txt; exit 1"
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body)) == "FAILED"
        (place.home / "store/runs/run_1/clone/workspace.tar.zst").unlink()
        assert inside.rerun() == "FAILED"
    report = place.folder().read_report()
    assert report is not None
    assert report["bundle"].endswith("agent/attempts/1/changes.bundle")
    assert "clone/workspace.tar.zst" in report["error"]["message"]
    assert place.lines("count") == ["begun"]
    clone = place.root / "clone"
    git(place.root, "clone", "-q", str(place.origin.bare), str(clone))
    assert place.cli("pull", "run_1", "--branch", "again", "--json", cwd=clone).ok().json["commit"]


@pytest.mark.parametrize("with_result", [True, False])
def test_a_run_of_an_earlier_version_continues_from_its_only_bundle(place: Place, with_result: bool) -> None:
    body = f"test -e {place.root}/again && exit 0; touch {place.root}/again; echo half > half.txt; exit 1"
    with Inside.at(place) as inside:
        assert inside.run(command=place.script(body)) == "FAILED"
        # GIVEN the run folder as a version without numbers leaves it
        agent = place.home / "store/runs/run_1/agent"
        kept = {"transcript.jsonl", "changes.bundle"}
        for name in kept:
            (agent / "attempts/1" / name).rename(agent / name)
        for path in (agent / "attempts/1").iterdir():
            path.unlink()
        (agent / "attempts/1").rmdir()
        (agent / "attempts").rmdir()
        fields = _result(place)
        for name in ("attempt", "transcript"):
            del fields["facts"][name]
        fields["facts"]["bundle"] = "agent/changes.bundle"
        (agent / "result.json").write_text(json.dumps(fields))
        if not with_result:
            (agent / "result.json").unlink()
        assert inside.rerun() == "SUCCEEDED"
    assert "half.txt" in _files(place)
    assert (agent / "changes.bundle").exists()
