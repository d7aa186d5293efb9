"""Faults 59 and 64: a run is ended from outside: what its agent left is pushed as partial, and reported."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import time
from datetime import datetime
from typing import Any

import pytest
from tests.e2e.aftermath import await_end, no_process_left, one_terminal_status
from tests.e2e.gate import Gate
from tests.e2e.inside import Inside
from tests.e2e.place import ROOT, Place, new_commits
from tests.integration.repositories.origin import git

from stepherd.engine.application import load_application

BRANCH = "refs/heads/stepherd/run_1"
PARTIAL = {BRANCH: ["Partial work: Do the work"]}


@pytest.fixture
def gate(place: Place) -> Gate:
    return Gate(place)


def _report(place: Place) -> dict[str, Any]:
    report = place.folder().read_report()
    assert report is not None
    return report


def _check_kept(place: Place, before: dict[str, str], category: str) -> None:
    """One partial commit, and a report that names it, what ended the run, and the next command."""
    assert new_commits(place.origin, before) == PARTIAL
    assert git(place.origin.bare, "show", f"{BRANCH}:half.txt") == "half"
    report = _report(place)
    assert (report["status"], report["partial"], report["branch"]) == ("failed", True, "stepherd/run_1")
    assert (report["error"]["category"], report["error"]["next"]) == (category, "stepherd redrive run_1")
    assert "Partial work is on the branch stepherd/run_1." in report["summary"]


def _journal_times(place: Place) -> dict[str, dict[str, float]]:
    with contextlib.closing(sqlite3.connect(place.home / "journal.sqlite3")) as journal:
        rows = journal.execute("SELECT name, started, stopped, redriven FROM executions").fetchall()
    return {name: {"started": a, "stopped": b, "redriven": c} for name, a, b, c in rows}


def _git_that_waits(place: Place, gate: Gate, what: str) -> dict[str, str]:
    """A git that says that it is there, and waits for the gate, when it is asked for ``what``."""
    wrapper = place.root / "bin/git"
    wrapper.parent.mkdir()
    here, go = gate.pipes
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in {what}) echo here > {here}; read word < {go} ;; esac\n'
        f'PATH={os.environ["PATH"]}\nexport PATH\nexec git "$@"\n'
    )
    wrapper.chmod(0o755)
    return {"PATH": f"{wrapper.parent}{os.pathsep}{place.environment['PATH']}"}


def test_a_stopped_run_s_work_is_kept_and_a_redrive_continues_it(place: Place, gate: Gate) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        inside.start("run_1", command=gate.command)
        inside.meanwhile(gate.await_agent)
        assert inside.stop(cause="wrong instructions") == "ABORTED"
        assert inside.kept() == "SUCCEEDED"
        _check_kept(place, before, "stopped")
        assert "wrong instructions" in _report(place)["summary"]
        inside.redrive("run_1")
        inside.meanwhile(gate.await_agent)
        # A second stop is kept on its own, and says no word of the first.
        assert inside.stop(cause="again") == "ABORTED"
        assert inside.kept(redrives=1) == "SUCCEEDED"
        assert "again" in _report(place)["summary"]
        inside.redrive("run_1")
        inside.meanwhile(gate.await_agent)
        gate.open()
        assert inside.ended("run_1") == "SUCCEEDED"
    assert new_commits(place.origin, before) == {BRANCH: ["Do the work", *PARTIAL[BRANCH]]}
    assert git(place.origin.bare, "show", f"{BRANCH}:half.txt") == "half"
    assert _report(place)["partial"] is False


@pytest.mark.exhaustive
def test_nothing_is_kept_before_the_agent_s_task_has_ended(place: Place, gate: Gate) -> None:
    here, go = gate.pipes
    late = f"trap 'echo here > {here}; read word < {go}; echo late > late.txt; exit 1' INT"
    command = place.script(f"{late}\necho half > half.txt\necho here > {here}\nwhile :; do sleep 1; done")
    with Inside.at(place) as inside:
        inside.start("run_1", command=command)
        inside.meanwhile(gate.await_agent)
        inside.begin_stop()
        inside.meanwhile(gate.await_agent)
        inside.meanwhile(lambda: time.sleep(2))  # An event that must not come can only be given its time.
        assert "run_1_kept" not in _journal_times(place)
        gate.open()
        assert inside.kept() == "SUCCEEDED"
    assert git(place.origin.bare, "show", f"{BRANCH}:late.txt") == "late"
    result = place.folder().read_result("agent")
    assert result is not None
    ended = datetime.fromisoformat(result.finished).timestamp()
    assert ended <= _journal_times(place)["run_1_kept"]["started"]


@pytest.mark.exhaustive
def test_the_time_limit_of_the_machine(place: Place, gate: Gate) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        definition = json.loads(load_application(ROOT / "template.yaml", {}).machines[0].definition)
        inside.update_machine(json.dumps({**definition, "TimeoutSeconds": 4}))
        inside.start("run_1", command=gate.command)
        inside.meanwhile(gate.await_agent)
        assert inside.ended("run_1") == "TIMED_OUT"
        assert inside.kept() == "SUCCEEDED"
    _check_kept(place, before, "timeout")


def test_a_run_that_is_stopped_before_its_clone_has_nothing_to_keep(place: Place, gate: Gate) -> None:
    before = place.origin.refs()
    with Inside.at(place, **_git_that_waits(place, gate, "*")) as inside:
        inside.start("run_1", command=place.script("echo new > new.txt", "quick.sh"))
        inside.meanwhile(gate.await_agent)
        assert inside.stop() == "ABORTED"
        assert inside.kept() == "SUCCEEDED"
    assert place.origin.refs() == before
    assert _report(place)["summary"] == "The run was stopped: by a test"


def test_a_run_that_is_stopped_while_it_pushes_is_pushed_all_the_same(place: Place, gate: Gate) -> None:
    before = place.origin.refs()
    with Inside.at(place, **_git_that_waits(place, gate, "*' push '*")) as inside:
        inside.start("run_1", command=place.script("echo new > new.txt", "quick.sh"))
        inside.meanwhile(gate.await_agent)
        assert inside.stop() == "ABORTED"
        inside.meanwhile(gate.await_agent)
        gate.open()
        assert inside.kept() == "SUCCEEDED"
    # The agent had finished: its work is no partial work.
    assert new_commits(place.origin, before) == {BRANCH: ["Do the work"]}
    report = _report(place)
    assert (report["status"], report["partial"]) == ("failed", False)


@pytest.mark.exhaustive
def test_a_redrive_meanwhile_has_the_work_instead(place: Place, gate: Gate) -> None:
    """By who does not wait for the keeping, as ``stepherd redrive`` does."""
    before = place.origin.refs()
    with Inside.at(place) as inside:
        inside.start("run_1", command=gate.command)
        inside.meanwhile(gate.await_agent)
        assert inside.stop() == "ABORTED"
        inside.redrive("run_1")
        inside.meanwhile(gate.await_agent)
        gate.open()
        assert inside.ended("run_1") == "SUCCEEDED"
        inside.settled()
    assert git(place.origin.bare, "show", f"{BRANCH}:half.txt") == "half"
    assert new_commits(place.origin, before)[BRANCH][0] == "Do the work"
    assert _report(place)["status"] == "succeeded"


@pytest.mark.exhaustive
def test_a_push_that_is_refused_fails_the_keeping_and_is_told_of(place: Place, gate: Gate) -> None:
    from tests.integration.repositories.http_server import serve

    before = place.origin.refs()
    place.origin.hook("pre-receive", "echo 'closed for the night' >&2; exit 1")
    with (
        serve(place.origin.folder) as server,
        Inside.at(place, STEPHERD_ALLOW_LOOPBACK_REMOTES="1") as inside,
    ):
        inside.start("run_1", command=gate.command, repo=f"{server.url}/team.git")
        inside.meanwhile(gate.await_agent)
        assert inside.stop() == "ABORTED"
        assert inside.kept() == "FAILED"
    assert place.origin.refs() == before
    report = _report(place)
    assert report["error"]["category"] == "stopped"
    assert [note for note in report["notes"] if "closed for the night" in note]
    assert report["bundle"].endswith("agent/attempts/1/changes.bundle")


# -- by the command line -------------------------------------------------------------------------------


def test_stop_says_stopped_and_kept_and_twice_changes_nothing(place: Place, gate: Gate) -> None:
    before = place.origin.refs()
    place.run(gate.command, "--detach").ok()
    gate.await_agent()
    stopped = place.cli("stop", "run_1").ok()
    assert "Stopped." in stopped.err
    assert "Kept on stepherd/run_1." in stopped.err
    assert stopped.err.index("Stopped.") < stopped.err.index("Kept on")
    again = place.cli("stop", "run_1", "--json").ok().json
    assert again["keeping"] == {
        "status": "SUCCEEDED",
        "branch": "stepherd/run_1",
        "commit": place.origin.tip("stepherd/run_1"),
    }
    _check_kept(place, before, "stopped")
    assert place.status()["branch"] == "stepherd/run_1"


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.exhaustive), (signal.SIGTERM, 143)],
)
def test_a_signal_keeps_the_work(place: Place, gate: Gate, number: signal.Signals, code: int) -> None:
    before = place.origin.refs()
    carrier = place.start(*place.run_words(gate.command))
    gate.await_agent()
    carrier.send_signal(number)
    done = place.end_of(carrier)
    assert (done.code, done.json["status"], done.json["branch"]) == (code, "ABORTED", "stepherd/run_1")
    assert "Kept on stepherd/run_1." in done.err
    _check_kept(place, before, "stopped")


@pytest.mark.exhaustive
def test_a_second_ctrl_c_leaves_the_rest_to_the_background(place: Place, gate: Gate) -> None:
    before = place.origin.refs()
    carrier = place.start(*place.run_words(gate.command), **_git_that_waits(place, gate, "*' push '*"))
    gate.await_agent()
    carrier.send_signal(signal.SIGINT)
    gate.await_agent()  # Now it is the push that is there.
    carrier.send_signal(signal.SIGINT)
    done = place.end_of(carrier)
    assert (done.code, done.json["status"]) == (130, "ABORTED")
    redriven = place.start("redrive", "run_1", "--json")
    gate.open()
    gate.await_agent()
    gate.open()
    # The redrive has waited
    gate.await_agent()
    gate.open()
    assert place.end_of(redriven).ok().json["status"] == "SUCCEEDED"
    times = _journal_times(place)
    assert times["run_1_kept"]["stopped"] <= times["run_1"]["redriven"]
    assert new_commits(place.origin, before) == {BRANCH: ["Do the work", *PARTIAL[BRANCH]]}


@pytest.mark.exhaustive
def test_an_engine_that_is_killed_while_it_keeps_goes_on_with_it(place: Place, gate: Gate) -> None:
    before = place.origin.refs()
    environment = _git_that_waits(place, gate, "*' push '*")
    place.run(gate.command, "--detach", **environment).ok()
    gate.await_agent()
    stopping = place.start("stop", "run_1", **environment)
    gate.await_agent()
    engine = int(json.loads((place.home / "engine.json").read_text())["pid"])
    for pid in (engine, stopping.pid):
        os.kill(pid, signal.SIGKILL)
    assert await_end(engine, 10)
    stopping.wait()
    resumed = place.start("resume", "--json", **environment)
    gate.open()
    done = place.end_of(resumed)
    assert done.json["status"] == "ABORTED"
    _check_kept(place, before, "stopped")
    assert "Nothing is unfinished" in place.cli("resume").ok().err
    no_process_left(place.root)
    one_terminal_status(place, "run_1", "ABORTED")


def _killed(place: Place, kill_at: int, when: str) -> bool:
    """Whether the command that stops the run was killed around that commit."""
    log = str(place.root / "commits.log")
    environment = {"KILL_AT": str(kill_at), "KILL_WHEN": when, "KILL_LOG": log}
    return (
        place.cli("stop", "run_1", module="tests.e2e.killing_engine", **environment).code == -signal.SIGKILL
    )


def _stopped_at(place: Place, gate: Gate, kill_at: int, when: str) -> bool:
    before = place.origin.refs()
    place.run(gate.command, "--detach").ok()
    gate.await_agent()
    engine = int(json.loads((place.home / "engine.json").read_text())["pid"])
    os.kill(engine, signal.SIGKILL)
    assert await_end(engine, 10)
    killed = _killed(place, kill_at, when)
    if killed:
        resumed = place.start("resume", "--json")
        if not place.status()["error"]:
            # Killed before the stop was committed: the run continues, and is stopped once more.
            place.cli("stop", "run_1", "--json").ok()
        place.end_of(resumed)
    place.cli("stop", "run_1", "--json").ok()
    _check_kept(place, before, "stopped")
    no_process_left(place.root)
    return killed


@pytest.mark.exhaustive
@pytest.mark.parametrize(("kill_at", "when"), [(2, "after"), (4, "before")])
def test_a_stop_that_is_killed_around_a_commit(place: Place, gate: Gate, kill_at: int, when: str) -> None:
    assert _stopped_at(place, gate, kill_at, when)


@pytest.mark.exhaustive
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kill_at", range(1, 40, 4))
def test_a_stop_that_is_killed_around_any_commit(place: Place, gate: Gate, kill_at: int, when: str) -> None:
    _stopped_at(place, gate, kill_at, when)
