from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.repositories.origin import Origin, Run, files_below
from tests.integration.repositories.ssh_server import SshServer, serve_ssh

from stepherd.errors import CredentialsError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.credentials import GitCredentials


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with serve_ssh(tmp_path_factory.mktemp("ssh") / "server") as server:
        yield server


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin.create(tmp_path / "origin")


@pytest.fixture
def run(tmp_path: Path, origin: Origin, server: SshServer) -> Run:
    repository = parse_repository(f"{server.url}{origin.bare}", allow_http_loopback=True)
    return Run(tmp_path / "run", repository, GitCredentials(ssh_key=server.key))


@pytest.mark.parametrize("known", [True, False])
def test_a_run_travels_over_ssh_with_a_key(origin: Origin, run: Run, server: SshServer, known: bool) -> None:
    hosts = server.known_hosts if known else None
    run.credentials = GitCredentials(ssh_key=server.key.rstrip("\n").replace("\n", "\r\n"), known_hosts=hosts)
    run.work()
    commit = run.push().commit
    assert origin.tip(run.branch) == commit
    assert files_below(run.scratch) == []


def test_another_host_key_than_the_known_one_is_refused(run: Run, server: SshServer) -> None:
    other = server.known_hosts.replace(server.host_key[-12:], "AAAAAAAAAAAA")
    run.credentials = GitCredentials(ssh_key=server.key, known_hosts=other)
    with pytest.raises(CredentialsError, match="host key"):
        run.clone()


def test_a_key_that_the_server_does_not_know_is_a_credentials_error(
    run: Run, server: SshServer, tmp_path: Path
) -> None:
    import subprocess

    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k")], check=True)
    run.credentials = GitCredentials(ssh_key=(tmp_path / "k").read_text())
    with pytest.raises(CredentialsError):
        run.clone()


def test_a_token_alone_cannot_open_an_ssh_address(run: Run) -> None:
    run.credentials = GitCredentials(token="some-token")
    with pytest.raises(CredentialsError, match="no ssh_key") as caught:
        run.clone()
    assert "ssh_key" in caught.value.remedy
