"""Fault 74: the remote took the push and its answer was lost: detected as done, and no second commit."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.repositories.http_server import Action, Fault, serve
from tests.integration.repositories.origin import Origin, Run

from stepherd.errors import ProtocolError, UnavailableError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.git import Limits


@pytest.mark.parametrize("action", ["cut", "lose the answer"])
def test_a_lost_answer_after_the_push_was_taken_is_detected_as_done(tmp_path: Path, action: Action) -> None:
    """Of a connection that closes without a word git's HTTP library sends the request again by itself."""
    origin = Origin.create(tmp_path / "origin")
    with serve(origin.folder) as server:
        run = Run(tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True))
        run.work()
        server.faults.append(Fault("/git-receive-pack", action, times=1))
        facts = run.push()
        again = run.push()
    assert facts.created
    assert origin.tip(run.branch) == facts.commit == again.commit
    assert not again.created
    assert origin.log(run.branch) == ["Do the work", "change"]


def test_a_push_that_did_not_arrive_is_sent_again(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    with serve(origin.folder) as server:
        run = Run(tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True))
        run.work()
        server.faults.append(Fault("/git-receive-pack", "500", times=1))
        facts = run.push()
    assert origin.tip(run.branch) == facts.commit
    assert origin.log(run.branch) == ["Do the work", "change"]


def test_a_server_that_goes_away_after_the_push_leaves_a_retryable_error_and_one_commit(
    tmp_path: Path,
) -> None:
    origin = Origin.create(tmp_path / "origin")
    with serve(origin.folder) as server:
        run = Run(tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True))
        run.work()
        server.faults += [
            Fault("/git-receive-pack", "lose the answer", times=1),
        ]
        listing = Fault("service=git-upload-pack", "500", times=0)
        server.faults.append(listing)
        original = server.next_fault

        def next_fault(path: str) -> Fault | None:
            fault = original(path)
            if fault is not None and fault.action == "lose the answer":
                listing.times = 99
            return fault

        server.next_fault = next_fault  # type: ignore[method-assign]
        with pytest.raises(UnavailableError):
            run.push(limits=Limits(quiet_seconds=2))
        listing.times = 0
        again = run.push()
    assert not again.created
    assert origin.log(run.branch) == ["Do the work", "change"]


def test_a_yes_without_the_commit_is_a_protocol_error(tmp_path: Path) -> None:
    """Success is proven: a server whose hook moves the branch away at once is not believed."""
    origin = Origin.create(tmp_path / "origin")
    origin.hook("post-update", "git update-ref -d refs/heads/stepherd/run_1")
    with serve(origin.folder) as server:
        run = Run(tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True))
        run.work()
        with pytest.raises(ProtocolError, match="accepted the push"):
            run.push()


def test_without_a_run_id_the_same_commit_is_still_known_again(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    run = Run(tmp_path / "run", origin.repository)
    run.work()
    first = run.push(run_id=None)
    again = run.push(run_id=None)
    assert (again.commit, again.created) == (first.commit, False)
