"""Fault 27: a run is stopped in the middle of its push: the remote has all or nothing; a redrive ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.aftermath import no_process_left, one_terminal_status
from tests.e2e.lender import wait_until
from tests.e2e.place import Place, new_commits
from tests.integration.repositories.http_server import serve

TOKEN = "canary-Ws5Jd8Kq2Bn7"


@pytest.fixture
def repo(place: Place) -> Iterator[str]:
    """The remote behind a server, whose side of a push is not ours to end."""
    place.environment |= {
        "STEPHERD_ALLOW_LOOPBACK_REMOTES": "1", "GIT_CREDENTIALS_SECRET_ID": "env:MY_TOKEN", "MY_TOKEN": TOKEN
    }  # fmt: skip
    with serve(place.origin.folder, TOKEN) as server:
        yield f"{server.url}/team.git"


@pytest.mark.parametrize(
    "moment",
    [
        *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("pre-receive", "update")),
        "post-receive",
    ],
)
def test_a_stop_during_the_push_is_before_or_after_it(place: Place, repo: str, moment: str) -> None:
    before, here, go = place.origin.refs(), place.root / "here", place.root / "go"
    branch = "refs/heads/stepherd/run_1"
    place.origin.hook(moment, f"touch {here}\nuntil [ -e {go} ]; do sleep 0.05; done")
    place.run(place.script("echo new > new.txt"), "--repo", repo, "--detach").ok()
    wait_until(here.exists, "the remote is in the middle of it")
    # WHEN it is stopped, and what the remote had begun ends afterwards: to keep the work is a push, too
    stopping = place.start("stop", "run_1", "--json")
    wait_until(lambda: place.status()["status"] == "ABORTED", "it is stopped")
    go.touch()
    assert place.end_of(stopping).ok().json["status"] == "ABORTED"
    no_process_left(place.root)
    # THEN there is nothing, or the whole commit
    one_terminal_status(place, "run_1", "ABORTED")
    commits = new_commits(place.origin, before)
    assert commits in ({}, {branch: ["Do the work"]})
    if moment == "post-receive":
        assert commits, "the reference was written before the stop"
    tip = place.origin.tip("stepherd/run_1")
    # AND a redrive ends it, with the commit that may be there already
    redriven = place.cli("redrive", "run_1", "--json").ok().json
    assert redriven["status"] == "SUCCEEDED"
    assert tip in (None, redriven["commit"])
    assert new_commits(place.origin, before) == {branch: ["Do the work"]}
    assert place.origin.show("stepherd/run_1", "new.txt") == "new"
