"""Fault 10: each state of the pipeline fails once; a redrive runs what is left, never the agent again."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest
from tests.e2e.aftermath import entered_states, one_terminal_status
from tests.e2e.inside import Inside
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.http_server import serve

from stepherd.processes.table import table

pytestmark = pytest.mark.exhaustive


def _agent(place: Place, then: str = "") -> str:
    """An agent that counts itself."""
    return place.script(f"echo begun >> {place.root}/count; echo new > new.txt\n{then}")


def _error(place: Place) -> dict[str, str]:
    """The error of the run's report."""
    report = place.folder().read_report()
    assert report is not None
    assert report["status"] == "failed"
    assert (place.home / "store/runs/run_1/report.md").is_file()
    error: dict[str, str] = report["error"]
    return error


def _check_done(place: Place, before: dict[str, str], *, commits: int = 1) -> None:
    one_terminal_status(place, "run_1", "SUCCEEDED")
    made = new_commits(place.origin, before)
    assert list(made) == ["refs/heads/stepherd/run_1"]
    assert len(made["refs/heads/stepherd/run_1"]) == commits
    report = place.folder().read_report()
    assert report is not None
    assert (report["status"], report["error"], report["partial"]) == ("succeeded", None, False)
    assert report["commit"] == place.origin.tip("stepherd/run_1")


def _runs(place: Place) -> dict[str, int]:
    steps = ("prepare", "clone", "agent", "push")
    return {step: found.runs for step in steps if (found := place.folder().read_result(step))}


def test_after_the_preparation(place: Place) -> None:
    before, asked = place.origin.refs(), place.root / "later.md"
    with Inside.at(place) as inside:
        assert inside.run(command=_agent(place), instructions=str(asked)) == "FAILED"
        error = _error(place)
        assert error["state"] == "PrepareRun"
        assert str(asked) in error["message"]
        assert _runs(place) == {"prepare": 1}
        asked.write_text("# Do the work\n")
        assert inside.rerun() == "SUCCEEDED"
    _check_done(place, before)
    assert _runs(place) == {"prepare": 2, "clone": 1, "agent": 1, "push": 1}


def test_after_the_clone_for_a_secret_that_was_bad(place: Place) -> None:
    before, secret = place.origin.refs(), place.root / "secret.json"
    secret.write_text('{"token": "cut o')
    with Inside.at(place) as inside:
        assert inside.run(command=_agent(place), git_credentials=f"file:{secret}") == "FAILED"
        error = _error(place)
        assert (error["state"], error["next"]) == ("CloneRepository", "stepherd redrive run_1")
        assert str(secret) in error["message"]
        secret.write_text(json.dumps({"name": "Robo", "email": "robo@example.org"}))
        assert inside.rerun() == "SUCCEEDED"
    _check_done(place, before)
    assert _runs(place) == {"prepare": 1, "clone": 2, "agent": 1, "push": 1}


def test_after_the_clone_twice_for_a_base_that_was_not_there(place: Place) -> None:
    with Inside.at(place) as inside:
        assert inside.run(command=_agent(place), base="soon") == "FAILED"
        assert _error(place)["state"] == "CloneRepository"
        assert inside.rerun() == "FAILED"
        place.origin.commit({"old.txt": "old\n"}, branch="soon")
        before = place.origin.refs()
        assert inside.rerun() == "SUCCEEDED"
    one_terminal_status(place, "run_1", "SUCCEEDED")
    assert list(new_commits(place.origin, before)) == ["refs/heads/stepherd/run_1"]
    assert _runs(place) == {"prepare": 1, "clone": 3, "agent": 1, "push": 1}


def test_after_the_agent(place: Place) -> None:
    before = place.origin.refs()
    with Inside.at(place) as inside:
        command = _agent(place, f"test -e {place.root}/luck || exit 7; echo done > whole.txt")
        assert inside.run(command=command) == "FAILED"
        error = _error(place)
        assert (error["state"], error["category"]) == ("RunAgent", "agent")
        assert "exit code 7" in error["message"]
        assert place.origin.log("stepherd/run_1")[0] == "Partial work: Do the work"
        (place.root / "luck").touch()
        assert inside.rerun() == "SUCCEEDED"
    _check_done(place, before, commits=2)
    assert place.origin.log("stepherd/run_1")[:2] == ["Do the work", "Partial work: Do the work"]
    assert _runs(place) == {"prepare": 1, "clone": 1, "agent": 2, "push": 2}
    assert place.lines("count") == ["begun"] * 2


def test_after_a_push_that_the_server_refused(place: Place) -> None:
    before = place.origin.refs()
    place.origin.hook("pre-receive", "echo 'closed for the night' >&2; exit 1")
    with (
        serve(place.origin.folder) as server,
        Inside.at(place, STEPHERD_ALLOW_LOOPBACK_REMOTES="1") as inside,
    ):
        assert inside.run(command=_agent(place), repo=f"{server.url}/team.git") == "FAILED"
        error = _error(place)
        assert error["state"] == "CommitAndPush"
        assert "closed for the night" in error["message"]
        assert place.origin.refs() == before
        assert inside.rerun() == "FAILED"
        (place.origin.bare / "hooks/pre-receive").unlink()
        assert inside.rerun() == "SUCCEEDED"
    _check_done(place, before)
    assert place.lines("count") == ["begun"]
    assert _runs(place) == {"prepare": 1, "clone": 1, "agent": 1, "push": 3}
    assert entered_states(place, "run_1").count("RunAgent") == 1


def test_after_a_report_that_could_not_be_written(place: Place) -> None:
    before = place.origin.refs()
    # GIVEN a folder where the report is to be: no one can write a file there, not even root
    in_the_way = place.home / "store/runs/run_1/report.md/folder"
    in_the_way.mkdir(parents=True)
    with Inside.at(place) as inside:
        assert inside.run(command=_agent(place)) == "FAILED"
        assert place.folder().read_report() is None
        in_the_way.rmdir()
        in_the_way.parent.rmdir()
        assert inside.rerun() == "SUCCEEDED"
    _check_done(place, before)
    assert place.lines("count") == ["begun"]
    assert _runs(place) == {"prepare": 1, "clone": 1, "agent": 1, "push": 1}


def _kill_step(place: Place) -> None:
    """Kill the process of the agent's step once its agent works: the child of the one that notes its end."""
    while not (place.root / "working").exists():
        time.sleep(0.02)  # Written by a process of another namespace, which says nothing else.
    keeper = int(next(place.home.glob("tasks/*/agent/pid")).read_text())
    [step] = [pid for pid, row in table().items() if row.parent == keeper]
    os.kill(step, signal.SIGKILL)


def test_after_an_agent_s_step_that_was_killed(place: Place) -> None:
    """57: what the kernel does to a task that wants too much memory, with a child that hangs on."""
    before = place.origin.refs()
    body = f"test -e {place.root}/luck && exit 0\n(exec setsid sleep 300) &\n"
    body += f"touch {place.root}/working\nexec sleep 300"
    killer = threading.Thread(target=_kill_step, args=(place,))
    killer.start()
    with Inside.at(place) as inside:
        assert inside.run(command=_agent(place, body)) == "FAILED"
        killer.join()
        error = _error(place)
        assert error["state"] == "RunAgent"
        assert "137" in error["message"]
        assert "memory" in error["message"]
        (place.root / "luck").touch()
        assert inside.rerun() == "SUCCEEDED"
    _check_done(place, before)


def test_a_run_that_succeeded_or_runs_is_not_redriven(place: Place) -> None:
    """11."""
    place.run(_agent(place)).ok()
    refused = place.cli("redrive", "run_1")
    assert refused.code == 64
    assert refused.err.count("\n") == 1
    assert "stepherd status run_1" in refused.err
    assert (place.home / "store/runs/run_1/report.json").exists()
    assert place.lines("count") == ["begun"]
