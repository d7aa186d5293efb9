"""Fault 25: a run that has ended, or never was, is told to stop: that is answered and starts nothing."""

from __future__ import annotations

import pytest
from tests.e2e.aftermath import no_process_left, one_terminal_status
from tests.e2e.place import Place
from tests.integration.api.fixtures import Api


@pytest.mark.exhaustive
def test_the_command_says_that_it_was_over_and_changes_nothing(place: Place) -> None:
    place.run(place.script("date +%N > now.txt")).ok()
    refs, history = place.origin.refs(), place.history()
    for _ in range(2):
        stopped = place.cli("stop", "run_1").ok()
        assert stopped.err == "run_1 had already ended: succeeded.\n"
    assert place.history() == history
    assert place.origin.refs() == refs
    one_terminal_status(place, "run_1", "SUCCEEDED")
    no_process_left(place.root)
    unknown = place.cli("stop", "run_2")
    assert unknown.code == 66
    assert f"There is no run 'run_2' in {place.home}." in unknown.err
    assert "stepherd list" in unknown.err
    assert [run["run_id"] for run in place.cli("list", "--json").ok().json["runs"]] == ["run_1"]


def test_the_api_answers_and_changes_nothing(api: Api) -> None:
    key = api.key("ada")
    ended = {message: api.finish(key, message) for message in ("done", "fail")}
    before = {run_id: api.call("GET", f"/executions/{run_id}", key).ok() for run_id in ended.values()}
    for run_id, run in before.items():
        for _ in range(2):
            answer = api.call("POST", f"/executions/{run_id}/stop", key).ok(202)
            assert answer["status"] == run["status"]
        assert api.call("GET", f"/executions/{run_id}", key).ok() == run
    problem = api.call("POST", "/executions/run_never/stop", key).ok(404)
    assert problem["category"] == "not_found"
    listed = api.call("GET", "/executions", key).ok()["executions"]
    assert {run["run_id"] for run in listed} == set(ended.values())
