"""Runs that outlive a terminal: detached, watched, stopped, joined, resumed after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest
from tests.e2e.aftermath import await_end, no_process_left, one_terminal_status
from tests.e2e.gate import Gate
from tests.e2e.place import Done, Place, new_commits


@pytest.fixture
def gate(place: Place) -> Gate:
    return Gate(place)


def _engine_pid(place: Place) -> int:
    return int(json.loads((place.home / "engine.json").read_text())["pid"])


def _kill_engine(place: Place) -> None:
    pid = _engine_pid(place)
    os.kill(pid, signal.SIGKILL)
    assert await_end(pid, 10)


def test_a_detached_run_is_listed_watched_and_read(place: Place, gate: Gate) -> None:
    before = place.origin.refs()
    words = [word for word in place.run_words(gate.command, "--detach") if word != "--json"]
    assert place.cli(*words).ok().out == "run_1\n"
    gate.await_agent()
    # WHILE it runs
    assert place.status()["status"] == "RUNNING"
    assert [run["status"] for run in place.cli("list", "--json").ok().json["runs"]] == ["RUNNING"]
    assert "working" in place.cli("logs", "run_1", "--state", "RunAgent").ok().out
    watcher, reader = place.start("watch", "run_1", "--json"), place.start("logs", "run_1", "-f")
    # WHEN it continues
    gate.open()
    # THEN who watches learns of its end, and the engine ends by itself
    assert place.end_of(watcher).ok().json["status"] == "SUCCEEDED"
    assert "push: succeeded" in place.end_of(reader).ok().out
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    no_process_left(place.root)
    # AND everything can be asked for without an engine
    assert place.cli("watch", "run_1").ok().out == "stepherd/run_1\n"
    assert place.history()[-1]["type"] == "ExecutionSucceeded"


def test_stop_ends_the_agent_keeps_its_work_and_redrive_goes_on(place: Place, gate: Gate) -> None:
    # GIVEN a detached run in the middle of its agent
    before = place.origin.refs()
    place.run(gate.command, "--detach").ok()
    gate.await_agent()
    # WHEN it is stopped
    stopped = place.cli("stop", "run_1", "--reason", "enough", "--json").ok().json
    # THEN
    assert stopped["status"] == "ABORTED"
    assert "enough" in stopped["error"]["message"]
    no_process_left(place.root)
    one_terminal_status(place, "run_1", "ABORTED")
    partial = ["Partial work: Do the work"]
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": partial}
    result = place.folder().read_result("agent")
    assert result is not None
    assert (result.status, result.facts["bundle"]) == ("interrupted", "agent/attempts/1/changes.bundle")
    assert [file["path"] for file in result.facts["files"]] == ["half.txt"]
    assert place.cli("watch", "run_1").code == 2
    # AND a second stop changes nothing
    assert place.cli("stop", "run_1", "--json").ok().json["status"] == "ABORTED"
    # AND a redrive runs the agent again, and only that
    redriven = place.start("redrive", "run_1", "--json")
    gate.await_agent()
    gate.open()
    assert place.end_of(redriven).ok().json["status"] == "SUCCEEDED"
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work", *partial]}
    cloned = place.folder().read_result("clone")
    assert cloned is not None
    assert cloned.runs == 1


def test_a_second_run_joins_the_engine_that_lives(place: Place, gate: Gate) -> None:
    first = place.start(*place.run_words(gate.command))
    gate.await_agent()
    engine = _engine_pid(place)
    assert engine == first.pid
    # WHEN another run comes, and one with a name that is taken
    second = place.run("sh -c 'echo 2 > two.txt'", name="run_2").ok()
    taken = place.run("sh -c 'echo 3 > three.txt'")
    assert _engine_pid(place) == engine
    gate.open()
    # THEN
    assert place.end_of(first).ok().json["status"] == "SUCCEEDED"
    assert second.json["commit"] == place.origin.tip("stepherd/run_2")
    assert taken.code == 73
    assert "run_1" in taken.err
    assert "three.txt" not in place.origin.show("stepherd/run_1", "")


def test_resume_adopts_the_agent_that_outlived_its_engine(place: Place, gate: Gate) -> None:
    before = place.origin.refs()
    place.run(gate.command, "--detach").ok()
    gate.await_agent()
    _kill_engine(place)
    # WHILE no engine lives
    assert place.status()["status"] == "RUNNING"
    watched = place.cli("watch", "run_1")
    assert watched.code == 75
    assert "stepherd resume run_1" in watched.err
    status = place.cli("status", "run_1").ok()
    assert "stepherd resume run_1" in status.err
    assert "  next     stepherd resume run_1\n" in status.out
    assert "stepherd watch" not in status.out
    # WHEN
    resumed = place.start("resume", "--json")
    gate.open()
    # THEN the same agent's work is pushed: it was not run again
    assert place.end_of(resumed).ok().json["status"] == "SUCCEEDED"
    assert place.lines("count") == ["begun"]
    assert new_commits(place.origin, before) == {"refs/heads/stepherd/run_1": ["Do the work"]}
    one_terminal_status(place, "run_1", "SUCCEEDED")
    assert "Nothing is unfinished" in place.cli("resume").ok().err


@pytest.mark.exhaustive
def test_a_script_s_interrupt_stops_its_own_run_and_leaves_no_orphan(place: Place, gate: Gate) -> None:
    carrier = place.start(*place.run_words(gate.command))
    gate.await_agent()
    carrier.send_signal(signal.SIGINT)
    done: Done = place.end_of(carrier)
    assert done.code == 130
    assert done.json["status"] == "ABORTED"
    no_process_left(place.root)
    one_terminal_status(place, "run_1", "ABORTED")


@pytest.mark.exhaustive
def test_a_terminal_that_goes_away_leaves_the_run_to_the_background(place: Place, gate: Gate) -> None:
    carrier = place.start(*place.run_words(gate.command))
    gate.await_agent()
    carrier.send_signal(signal.SIGHUP)
    done = place.end_of(carrier)
    assert (done.code, "continues in the background" in done.err) == (129, True)
    assert _engine_pid(place) != carrier.pid
    gate.open()
    assert place.cli("watch", "run_1", "--json").ok().json["status"] == "SUCCEEDED"
    assert place.lines("count") == ["begun"]


def test_nothing_is_written_outside_the_home(place: Place) -> None:
    place.run("sh -c 'echo new > $HOME/in-home; echo new > $TMPDIR/in-tmp; echo new > new.txt'").ok()
    for name in ("user", "tmp"):
        assert list((place.root / name).rglob("*")) == []


def test_an_engine_ends_with_its_home(place: Place, gate: Gate) -> None:
    """GIVEN a run in the background WHEN its home is removed THEN it does not wait for ever for its end."""
    place.run(gate.command, "--detach").ok()
    gate.await_agent()
    engine = _engine_pid(place)
    shutil.rmtree(place.home)
    assert await_end(engine, 20)
    gate.open()
    no_process_left(place.root)
