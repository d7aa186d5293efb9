from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.repositories.http_server import Fault, GitServer, serve
from tests.integration.repositories.origin import Origin, Run, files_below, git

from stepherd.errors import CredentialsError, NotFoundError, UnavailableError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.failures import RepositoryMoved
from stepherd.repositories.git import Limits
from stepherd.repositories.probe import probe

TOKEN = "canary" + "-t0ken-" + "3f9c1a7be2"


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin")


@pytest.fixture
def server(origin: Origin) -> Iterator[GitServer]:
    with serve(origin.folder, TOKEN) as server:
        yield server


@pytest.fixture
def run(tmp_path: Path, server: GitServer) -> Run:
    repository = parse_repository(f"{server.url}/team.git", allow_http_loopback=True)
    return Run(tmp_path / "run", repository, GitCredentials(token=TOKEN))


def test_a_run_travels_over_http_with_a_token(origin: Origin, server: GitServer, run: Run) -> None:
    run.work()
    commit = run.push().commit
    assert origin.tip(run.branch) == commit
    assert files_below(run.scratch) == []
    # No request is made without the token, only to be refused and made again.
    assert [asked for *asked, token in server.requests if not token] == []


def test_the_user_name_of_the_secret_is_used(origin: Origin, server: GitServer, run: Run) -> None:
    server.username = "oauth2"
    with pytest.raises(CredentialsError):
        run.clone()
    run.credentials = GitCredentials.from_secret({"token": TOKEN, "username": "oauth2"})
    assert run.clone().base_ref == "main"


def test_a_wrong_or_missing_token_is_a_credentials_error_with_a_remedy(run: Run) -> None:
    for credentials in (GitCredentials(token="wrong"), GitCredentials()):
        run.credentials = credentials
        with pytest.raises(CredentialsError) as caught:
            run.clone()
        assert "token" in caught.value.remedy


def test_a_missing_repository_is_not_found(server: GitServer, run: Run) -> None:
    run.repository = parse_repository(f"{server.url}/other.git", allow_http_loopback=True)
    with pytest.raises(NotFoundError, match="no such repository"):
        run.clone()


def test_a_server_without_ids_on_request_gives_the_base_by_its_branch(origin: Origin, tmp_path: Path) -> None:
    with serve(origin.folder, protocol_v2=False) as server:
        old = origin.commit({"old": "x"})
        run = Run(tmp_path / "run", parse_repository(f"{server.url}/team.git", allow_http_loopback=True))
        run.work()
        origin.commit({"newer": "x"})  # the base is no longer a tip: only its history has it
        commit = run.push().commit
        assert git(origin.bare, "rev-parse", f"{commit}^") == old
        again = Run(tmp_path / "again", run.repository)
        assert again.clone(base=old).base_commit == old


def test_an_address_without_dot_git_is_completed_on_the_same_host(server: GitServer, run: Run) -> None:
    server.faults.append(
        Fault("/team/info/refs", "redirect", times=99, location=f"{server.url}/team.git/info/refs")
    )
    run.repository = parse_repository(f"{server.url}/team", allow_http_loopback=True)
    assert run.clone().base_ref == "main"


def test_a_redirect_to_another_host_is_not_followed_and_gets_no_token(
    origin: Origin, server: GitServer, run: Run
) -> None:
    with serve(origin.folder, TOKEN) as elsewhere:
        target = f"{elsewhere.url}/team.git/info/refs?service=git-upload-pack"
        server.faults.append(Fault("info/refs", "redirect", times=99, location=target))
        with pytest.raises(RepositoryMoved, match="another address") as caught:
            run.clone()
        assert "browser" in caught.value.remedy
        assert elsewhere.requests == []


def test_the_token_is_offered_to_its_own_port_alone(origin: Origin, tmp_path: Path, run: Run) -> None:
    """GIVEN credentials made for one server WHEN git is led to another THEN the helper is not asked."""
    from stepherd.repositories.remote import open_remote

    with (
        serve(origin.folder, TOKEN) as other,
        open_remote(run.repository, run.typed, tmp_path) as remote,
    ):
        remote.url = f"{other.url}/team.git"
        with pytest.raises(CredentialsError):
            remote.list()
        assert [authorization for _, _, authorization in other.requests] == [None]


def test_probe_of_a_dead_server_is_unavailable(origin: Origin, run: Run, tmp_path: Path) -> None:
    with serve(origin.folder) as gone:
        dead = parse_repository(f"{gone.url}/team.git", allow_http_loopback=True)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        probe(dead, GitCredentials(), tmp_path)


def test_a_hanging_server_is_left_after_the_quiet_seconds(server: GitServer, run: Run) -> None:
    server.faults.append(Fault("info/refs", "hang", times=9))
    with pytest.raises(UnavailableError):
        probe(run.repository, run.typed, run.scratch, limits=Limits(quiet_seconds=1))


def test_a_command_is_ended_when_its_time_is_up(server: GitServer, run: Run) -> None:
    server.faults.append(Fault("info/refs", "hang", times=9))
    with pytest.raises(UnavailableError, match=r"stopped after 0\.5 s"):
        probe(run.repository, run.typed, run.scratch, limits=Limits(network_seconds=0.5))


def test_the_credential_helper_of_the_persons_configuration_is_used_and_nothing_else_of_it(
    origin: Origin, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "answer").write_text(f"username=x-access-token\npassword={TOKEN}\n")
    helper = f'"!f() {{ test \\"$1\\" = get && cat {home}/answer; }}; f"'
    (home / ".gitconfig").write_text(
        f'[credential "http://127.0.0.1"]\n\thelper = cache --timeout=1 --socket=/nonexistent/x\n'
        f"[credential]\n\thelper =\n\thelper = {helper}\n\tuseHttpPath\n"
        f'[url "http://127.0.0.1:9/"]\n\tinsteadOf = {run.repository.url}\n'
        f"[core]\n\thooksPath = {home}/hooks\n"
    )
    (home / "hooks").mkdir()
    hook = home / "hooks" / "pre-push"
    hook.write_text(f"#!/bin/sh\ntouch {home}/ran\n")
    hook.chmod(0o755)
    monkeypatch.setenv("STEPHERD_USER_HOME", str(home))
    run.credentials = GitCredentials.from_secret(None)

    run.work()
    commit = run.push().commit

    assert origin.tip(run.branch) == commit
    assert not (home / "ran").exists()
