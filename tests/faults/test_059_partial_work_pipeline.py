"""Faults 59 and 64: an agent fails, times out, is terminated or stopped: its work is kept and named."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from tests.e2e.aftermath import no_process_left, one_terminal_status
from tests.e2e.gate import Gate
from tests.e2e.inside import Inside
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.http_server import serve
from tests.integration.repositories.origin import git

pytestmark = pytest.mark.exhaustive

BRANCH = "refs/heads/stepherd/run_1"


def _report(place: Place) -> dict[str, Any]:
    report = place.folder().read_report()
    assert report is not None
    return report


def _check_partial(place: Place, before: dict[str, str], why: str, *, more: str = "") -> None:
    """One commit that says it is partial and why; the report names branch, files, reason and next command."""
    one_terminal_status(place, "run_1", "FAILED")
    assert new_commits(place.origin, before) == {BRANCH: ["Partial work: Do the work"]}
    assert why in git(place.origin.bare, "log", "-1", "--format=%B", BRANCH)
    report = _report(place)
    assert (report["status"], report["partial"], report["branch"]) == ("failed", True, "stepherd/run_1")
    assert [file["path"] for file in report["files_changed"]] == ["half.txt"]
    assert why in report["error"]["message"]
    assert report["error"]["next"] == f"stepherd redrive run_1{more}"
    page = (place.home / "store/runs/run_1/report.md").read_text()
    for word in (why, "stepherd/run_1", "stepherd redrive run_1"):
        assert word in page
    no_process_left(place.root, {os.getpid()})


def test_an_agent_over_its_time_limit(place: Place) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        command = place.script("echo half > half.txt; exec sleep 300")
        assert inside.run(command=command, timeout_seconds=1) == "FAILED"
    _check_partial(place, before, "time limit of 1 s", more=" --timeout MORE")


def test_an_agent_s_task_that_is_terminated(place: Place) -> None:
    before, gate = place.origin.refs(), Gate(place)
    with Inside.at(place) as inside:
        inside.start("run_1", command=gate.command)
        inside.meanwhile(gate.await_agent)
        (pid,) = [int(path.read_text()) for path in place.home.glob("tasks/*/agent/pid")]
        os.killpg(pid, signal.SIGTERM)
        assert inside.ended("run_1") == "FAILED"
    _check_partial(place, before, "interrupted")
    result = place.folder().read_result("agent")
    assert result is not None
    assert (result.status, result.error is not None and result.error.retryable) == ("interrupted", True)


def test_partial_work_without_a_push_is_a_bundle(place: Place) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        command = place.script("echo half > half.txt; exit 4")
        assert inside.run(command=command, push="none") == "FAILED"
    one_terminal_status(place, "run_1", "FAILED")
    assert place.origin.refs() == before
    assert _report(place)["bundle"]
    clone = place.root / "clone"
    git(place.root, "clone", "-q", str(place.origin.bare), str(clone))
    pulled = place.cli("pull", "run_1", "--json", cwd=clone).ok().json
    assert git(clone, "log", "-1", "--format=%s", pulled["commit"]) == "Partial work: Do the work"


def test_a_push_of_partial_work_that_fails_hides_nothing(place: Place) -> None:
    before = place.origin.refs()
    place.origin.hook("pre-receive", "echo 'closed for the night' >&2; exit 1")
    command = place.script("echo half > half.txt; exit 4")
    with (
        serve(place.origin.folder) as server,
        Inside.at(place, STEPHERD_ALLOW_LOOPBACK_REMOTES="1") as inside,
    ):
        assert inside.run(command=command, repo=f"{server.url}/team.git") == "FAILED"
    one_terminal_status(place, "run_1", "FAILED")
    assert place.origin.refs() == before
    report = _report(place)
    assert report["error"]["state"] == "RunAgent"
    assert "exit code 4" in report["error"]["message"]
    assert [note for note in report["notes"] if "closed for the night" in note]


@pytest.mark.parametrize(
    "state",
    [pytest.param(n, marks=pytest.mark.exhaustive) for n in ("CloneRepository", "CommitAndPush")]
    + ["RunAgent"],
)
def test_a_run_that_is_stopped_in_any_phase_ends_and_can_be_redriven(place: Place, state: str) -> None:
    # GIVEN a run that stands still in that state: its git, its agent, or the push of its git waits
    before, gate = place.origin.refs(), Gate(place)
    quick = place.script("echo new > new.txt", "quick.sh")
    environment: dict[str, str] = {}
    if state != "RunAgent":
        wrapper = place.root / "bin/git"
        wrapper.parent.mkdir()
        waits = "*" if state == "CloneRepository" else "*' push '*"
        # A process that git started has left its group, as a credential helper's daemon does.
        stray = f"setsid sh -c 'echo here > {place.root}/gate.here; exec sleep 300'"
        wrapper.write_text(
            f'#!/bin/sh\ncase "$*" in {waits}) {stray} & exec sleep 300 ;; esac\n'
            f'PATH={os.environ["PATH"]}\nexport PATH\nexec git "$@"\n'
        )
        wrapper.chmod(0o755)
        environment["PATH"] = f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"
    command = gate.command if state == "RunAgent" else quick
    with Inside.at(place, **environment) as inside:
        inside.start("run_1", command=command)
        inside.meanwhile(gate.await_agent)
        # WHEN it is stopped
        assert inside.stop() == "ABORTED"
    # THEN nothing is left, and the remote is as it was
    one_terminal_status(place, "run_1", "ABORTED")
    no_process_left(place.root, {os.getpid()})
    assert place.origin.refs() == before
    # AND a redrive ends it
    with Inside.at(place) as inside:
        inside.redrive("run_1")
        if state == "RunAgent":
            inside.meanwhile(gate.await_agent)
            gate.open()
        assert inside.ended("run_1") == "SUCCEEDED"
    assert new_commits(place.origin, before) == {BRANCH: ["Do the work"]}
