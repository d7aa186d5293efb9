"""59, 64: a run that is ended from outside: what its agent left is pushed as partial, and reported."""

from __future__ import annotations

from typing import Any

from tests.e2e.gate import Gate
from tests.e2e.inside import Inside
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.origin import git

BRANCH = "refs/heads/stepherd/run_1"


def _report(place: Place) -> dict[str, Any]:
    report = place.folder().read_report()
    assert report is not None
    return report


def test_a_stopped_run_s_work_is_on_its_branch_and_in_its_report(place: Place) -> None:
    before, gate = place.origin.refs(), Gate(place)
    with Inside.at(place) as inside:
        inside.start("run_1", command=gate.command)
        inside.meanwhile(gate.await_agent)
        assert inside.stop(cause="wrong instructions") == "ABORTED"
        assert inside.kept() == "SUCCEEDED"
    assert new_commits(place.origin, before) == {BRANCH: ["Partial work: Do the work"]}
    assert git(place.origin.bare, "show", f"{BRANCH}:half.txt") == "half"
    report = _report(place)
    assert (report["status"], report["partial"], report["branch"]) == ("failed", True, "stepherd/run_1")
    assert report["error"]["category"] == "stopped"
    assert report["error"]["next"] == "stepherd redrive run_1"
    assert "wrong instructions" in report["summary"]
    assert "Partial work is on the branch stepherd/run_1." in report["summary"]
