"""Fault 71: a clone that dies half-way, is answered 500, or hangs is tried again into a clean folder."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.repositories.http_server import Action, Fault, GitServer, serve
from tests.integration.repositories.origin import Origin, Run, files_below, git

from stepherd.errors import UnavailableError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.git import Limits

LIMITS = Limits(quiet_seconds=1, network_seconds=20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    words = random.Random(7).randbytes(200_000).hex()
    origin = Origin.create(tmp_path / "origin", {"README.md": "hello\n", "large": words})
    with serve(origin.folder) as server:
        yield server


@pytest.fixture
def run(tmp_path: Path, server: GitServer) -> Run:
    return Run(tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True))


@pytest.mark.parametrize("part", ["info/refs", "git-upload-pack"])
@pytest.mark.parametrize("action", ["500", "cut", "hang"])
def test_a_clone_that_dies_twice_succeeds_at_the_third_time(
    server: GitServer, run: Run, part: str, action: Action
) -> None:
    server.faults.append(Fault(part, action, times=2))
    run.clone(limits=LIMITS)
    assert git(run.workspace, "status", "--porcelain") == ""
    assert git(run.workspace, "fsck") == ""
    assert sorted(path.name for path in run.folder.iterdir()) == ["private.git", "scratch", "workspace"]
    assert files_below(run.scratch) == []


def test_a_pack_cut_in_the_middle_leaves_nothing_behind(server: GitServer, run: Run) -> None:
    fault = Fault("/git-upload-pack", "cut", times=3, larger_than=100_000)
    server.faults.append(fault)
    with pytest.raises(UnavailableError, match="the connection failed") as caught:
        run.clone(limits=LIMITS)
    assert "try again" in caught.value.remedy
    assert not run.workspace.exists()
    assert files_below(run.folder) == []
    assert fault.times == 0
    assert run.clone(limits=LIMITS).base_ref == "main"


def test_a_refusal_is_not_tried_again(server: GitServer, run: Run) -> None:
    from stepherd.errors import CredentialsError

    server.faults.append(Fault("info/refs", "403", times=99))
    with pytest.raises(CredentialsError, match="do not allow that"):
        run.clone(limits=LIMITS)
    assert len(server.requests) == 1
