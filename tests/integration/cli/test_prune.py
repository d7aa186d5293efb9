"""Old runs are removed beside an engine that is at work, and without one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.integration.cli.test_engines_of_a_home import wait_for_agent


def listed(place: Any) -> list[str]:
    return [run["run_id"] for run in json.loads(place.stepherd("list", "--json").stdout)["runs"]]


@pytest.mark.exhaustive
def test_beside_an_engine_that_works_only_what_has_ended_goes(place: Any) -> None:
    # GIVEN runs that have ended, and one that works
    for name in ("one", "two"):
        assert place.stepherd(*place.run_words("date > when.txt", "--name", name)).returncode == 0
    working = place.start(*place.run_words(f"{place.gated()}; date > when.txt", "--name", "works"))
    wait_for_agent(place, working)
    # WHEN all are to go
    would = json.loads(place.stepherd("prune", "--older-than", "0m", "--dry-run", "--json").stdout)
    assert listed(place) == ["works", "two", "one"]
    done = place.stepherd("prune", "--older-than", "0m", "--json")
    # THEN the one stays, and ends well
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {**would, "dry_run": False}
    assert sorted(would["runs"]) == ["one", "two"]
    assert would["bytes"] > 1000
    assert listed(place) == ["works"]
    assert [path.name for path in (place.home / "store/runs").iterdir()] == ["works"]
    refused = place.stepherd("prune", "works")
    assert refused.returncode == 64
    assert "stepherd stop works" in refused.stderr
    place.open()
    assert working.wait(60) == 0
    # AND then it goes, too, without an engine, and with all that was its own
    done = place.stepherd("prune", "works")
    assert (done.returncode, done.stdout) == (0, "works\n"), done.stderr
    assert listed(place) == []
    assert list((place.home / "tasks").iterdir()) == list((place.home / "runners").iterdir()) == []
    assert place.stepherd("status", "works").returncode == 66


def test_a_bundle_that_is_on_no_branch_is_named_and_stays(place: Any) -> None:
    words = place.run_words("date > when.txt", "--name", "bundled", "--push", "none")
    assert place.stepherd(*words).returncode == 0
    done = place.stepherd("prune", "--older-than", "0m")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "bundled: its work was not pushed" in done.stderr
    assert "stepherd pull bundled" in done.stderr
    assert listed(place) == ["bundled"]
    done = place.stepherd("prune", "--older-than", "0m", "--with-work")
    assert done.stdout == "bundled  (its work was not pushed)\n"
    assert listed(place) == []


def test_what_is_to_go_must_be_said(place: Any) -> None:
    for words in ((), ("run_1", "--keep", "1"), ("--older-than", "30"), ("--keep", "0")):
        assert place.stepherd("prune", *words).returncode == 64, words
    assert place.stepherd("prune", "--keep", "1").returncode == 66
