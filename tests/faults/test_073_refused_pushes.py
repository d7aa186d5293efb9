"""Fault 73: a protected branch, a 403 and a token expired in mid-push are typed errors; the work is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.repositories.http_server import Fault, serve
from tests.integration.repositories.origin import Origin, Run

from stepherd.errors import CredentialsError, StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.branch_room import BranchCheckedOut
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.failures import PushRejected, explain
from stepherd.repositories.refusals import BranchProtected

TOKEN = "canary" + "-t0ken-" + "5d2e8f10aa"


def test_a_protected_branch_is_rejected_in_the_servers_words(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    origin.hook("pre-receive", 'echo "GitHub: protected branch: a review is needed" >&2; exit 1')
    before = origin.refs()
    with serve(origin.folder) as server:
        run = Run(tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True))
        run.work()
        with pytest.raises(PushRejected, match="a review is needed") as caught:
            run.push()
    assert "--branch" in caught.value.remedy
    assert not caught.value.retryable
    assert origin.refs() == before
    assert run.bundle.exists()
    assert list(run.scratch.iterdir()) == []


def test_a_checked_out_branch_of_a_folder_is_rejected(tmp_path: Path) -> None:
    origin = Origin.create(tmp_path / "origin")
    run = Run(tmp_path / "run", parse_repository(str(origin.work)))
    run.work()
    with pytest.raises(BranchCheckedOut):
        run.push(branch="main", allow_default_branch=True)


@pytest.mark.parametrize("part", ["service=git-receive-pack", "/git-receive-pack"])
@pytest.mark.parametrize("status", ["403", "401"])
def test_a_right_or_token_that_goes_away_in_mid_push_is_a_credentials_error(
    tmp_path: Path, part: str, status: str
) -> None:
    origin = Origin.create(tmp_path / "origin")
    with serve(origin.folder, TOKEN) as server:
        repository = parse_repository(f"{server.url}/team.git", allow_http_loopback=True)
        run = Run(tmp_path / "run", repository, GitCredentials(token=TOKEN))
        run.work()
        server.faults.append(Fault(part, "403" if status == "403" else "401", times=99))
        with pytest.raises(CredentialsError) as caught:
            run.push()
        assert TOKEN not in str(caught.value)
        assert "expiry" in caught.value.remedy
        assert origin.tip(run.branch) is None
        assert run.bundle.exists()
        # GIVEN the right again WHEN the push is run again THEN it is done, with nothing of the work lost.
        server.faults.clear()
        commit = run.push().commit
    assert origin.tip(run.branch) == commit


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("remote: error: GH006: Protected branch update failed for refs/heads/main.", BranchProtected),
        ("! [remote rejected] x -> y (protected branch hook declined)", BranchProtected),
        ("remote: error: GH013: Repository rule violations found", BranchProtected),
        ("remote: GitLab: You are not allowed to push code to protected branches", BranchProtected),
        ("remote: Permission to o/n.git denied to bot.\nfatal: returned error: 403", CredentialsError),
        ("ERROR: Permission to o/n.git denied to bot.", CredentialsError),
        ("fatal: Authentication failed for 'https://github.com/o/n/'", CredentialsError),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", CredentialsError),
        ("git@github.com: Permission denied (publickey).", CredentialsError),
    ],
)
def test_what_forges_say_is_understood(said: str, error: type[StepherdError]) -> None:
    assert type(explain("Pushing", "h/o/n", said)) is error
