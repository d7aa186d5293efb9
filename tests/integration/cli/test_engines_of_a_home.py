"""Runs that share a home, engines that end or are killed, and runs that no one watches."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest

pytestmark = pytest.mark.exhaustive


def states(place: Any, run_id: str) -> list[dict[str, Any]]:
    fields = json.loads(place.stepherd("status", run_id, "--json").stdout)
    assert fields["status"] == "SUCCEEDED", fields
    rows: list[dict[str, Any]] = fields["states"]
    return rows


def wait_for_agent(place: Any, process: subprocess.Popen[str]) -> str:
    """Read what a run says until its agent works."""
    said = ""
    while "RunAgent started" not in said:
        line = process.stderr.readline() if process.stderr else ""
        assert line, f"it ended: {said}"
        said += line
    return said


def test_a_run_goes_on_undisturbed_when_the_engine_it_joined_ends(place: Any) -> None:
    # GIVEN a first run, on an engine of its own, and a second that joins it, and one who watches the second
    first = place.start(*place.run_words(place.gated("first"), "--name", "first"))
    wait_for_agent(place, first)
    second = place.start(*place.run_words(f"{place.gated('second')}; date > when.txt", "--name", "second"))
    wait_for_agent(place, second)
    watcher = place.start("watch", "second")
    wait_for_agent(place, watcher)
    # WHEN the first one ends, and its engine with it
    place.open("first")
    assert first.wait(30) == 0
    place.open("second")
    # THEN neither the second nor its watcher notice
    for process in (second, watcher):
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "stepherd/second\n"), err
        assert "stepherd: " not in err
        assert err.count("RunAgent") == 1, "no line is repeated; its start was read before"
    assert all(row["attempts"] == 1 for row in states(place, "second"))


def test_what_a_killed_engine_left_is_found_and_resumed(place: Any) -> None:
    process = place.start(*place.run_words(f"{place.gated()}; date > when.txt", "--name", "left"))
    wait_for_agent(place, process)
    process.kill()
    process.communicate()
    watched = place.stepherd("watch", "left")
    assert watched.returncode == 75
    assert "no engine is running" in watched.stderr
    assert "stepherd resume left" in watched.stderr
    place.open()
    resumed = place.stepherd("resume")
    assert (resumed.returncode, resumed.stdout) == (0, "stepherd/left\n")
    assert all(row["attempts"] == 1 for row in states(place, "left")), "its process was adopted"


def test_a_run_that_nobody_carries_can_be_stopped(place: Any) -> None:
    process = place.start(*place.run_words("sleep 300", "--name", "left"))
    wait_for_agent(place, process)
    process.kill()
    process.communicate()
    stopped = place.stepherd("stop", "left", "--reason", "not wanted")
    assert stopped.returncode == 0, stopped.stderr
    assert place.processes() == []
    fields = json.loads(place.stepherd("status", "left", "--json").stdout)
    assert (fields["status"], fields["error"]["message"]) == ("ABORTED", "The run was stopped: not wanted")


def test_sigterm_to_a_run_without_a_terminal_stops_it_also_on_anothers_engine(place: Any) -> None:
    first = place.start(*place.run_words("sleep 300", "--name", "first"))
    wait_for_agent(place, first)
    second = place.start(*place.run_words("sleep 300", "--name", "second"))
    wait_for_agent(place, second)
    second.send_signal(signal.SIGTERM)
    second.communicate(timeout=60)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (143, 143)
    assert place.processes() == []
    listed = json.loads(place.stepherd("list", "--json").stdout)["runs"]
    assert {run["status"] for run in listed} == {"ABORTED"}


def test_a_detached_run_is_followed_by_its_logs_and_stopped(place: Any) -> None:
    words = place.run_words("echo one; sleep 300", "--name", "away", "--detach", "--json")
    started = place.stepherd(*words)
    assert json.loads(started.stdout)["status"] == "RUNNING"
    logs = place.start("logs", "-f", "away", "--state", "RunAgent")
    assert logs.stdout.readline() == "RunAgent         one\n"
    stopped = place.stepherd("stop", "away")
    assert stopped.returncode == 0
    assert logs.wait(30) == 0
    logs.communicate()
    assert place.stepherd("logs", "away").stdout.count(" one\n") == 1


def test_the_background_engine_writes_no_key_into_its_log(place: Any) -> None:
    assert place.stepherd(*place.run_words("true", "--name", "quiet", "--detach")).returncode == 0
    assert place.stepherd("watch", "quiet").returncode == 0
    assert (place.home / "logs" / "engine.log").read_text() == ""
