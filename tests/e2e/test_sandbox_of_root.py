"""As root a sandbox is made by another user, and without one there is none."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest
from tests.e2e.place import Place

USER = "games"
"""A user of every distribution whose processes no other test ends."""
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def as_by_default(place: Place) -> Place:
    del place.environment["STEPHERD_RUNNER"]
    return place


def _runner(place: Place) -> str:
    return str(json.loads((place.home / "runners/run_1.json").read_text())["runner"])


def test_the_agent_is_that_user_in_a_sandbox(as_by_default: Place, require: Callable[[str], str]) -> None:
    require("bwrap")
    place = as_by_default
    look = f"id -un; ls {place.home} {place.root} /root; echo hello > new.txt"
    done = place.run(f"bash -c '{look}'", "--verify", "grep hello new.txt", STEPHERD_AGENT_USER=USER).ok()
    assert done.json["verify"]["status"] == "passed"
    assert _runner(place) == "sandbox"
    log = place.cli("logs", "run_1").ok().out
    assert USER in log
    assert "journal" not in log
    assert "The agent runs as you" not in done.err
    assert place.origin.show("stepherd/run_1", "new.txt") == "hello"


@pytest.mark.exhaustive
def test_a_network_of_hosts_works_so_too(as_by_default: Place, require: Callable[[str], str]) -> None:
    require("bwrap")
    place = as_by_default
    ask = (
        'exec 3<>/dev/tcp/127.0.0.1/3128; printf "CONNECT evil.example:443 HTTP/1.1\\r\\n\\r\\n" >&3; cat <&3'
    )
    place.run(f"bash -c '{ask}'", "--network", "index.example", STEPHERD_AGENT_USER=USER).ok()
    report = json.loads((place.home / "store/runs/run_1/report.json").read_text())
    assert any("evil.example:443 (1)" in note for note in report["notes"])


def test_without_such_a_user_root_gets_none_and_is_told(as_by_default: Place) -> None:
    place = as_by_default
    done = place.run("true").ok()
    assert done.err.count("no boundary for root") == 1
    assert _runner(place) == "process"
    refused = place.run("true", "--runner", "sandbox", name="run_2")
    assert refused.code == 78
    assert "STEPHERD_AGENT_USER" in refused.json["error"]["remedy"]
