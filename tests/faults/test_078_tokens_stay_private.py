"""Fault 78: the token is in no argument, environment, address, configuration, file left behind or error."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.repositories.http_server import Fault, GitServer, serve
from tests.integration.repositories.origin import Origin, Run, files_below, text_below
from tests.random_keys import HIDDEN, written

from stepherd.errors import StepherdError
from stepherd.repositories.address import parse_repository
from stepherd.repositories.credentials import GitCredentials
from stepherd.repositories.failures import explain, server_words
from stepherd.repositories.probe import probe

TOKEN = "canary" + "/t0ken+" + "77aa01bb=="
FORMS = (
    TOKEN,
    base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode(),
    "canary%2Ft0ken%2B77aa01bb%3D%3D",
)


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


def record_processes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every git, and every program that git starts by name, writes its arguments and environment down."""
    real = os.environ["PATH"]
    folder.mkdir()
    log = folder / "log"
    for name in ("git", "cat", "sh", "test"):
        wrapper = folder / name
        wrapper.write_text(
            f'#!/bin/sh\n{{ printf "%s\\n" "{name} $*"; /usr/bin/env; }} >> {log}\n'
            f'PATH="{folder}:{real}" exec $(PATH="{real}" command -v {name}) "$@"\n'
        )
        wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{real}")
    return log


def test_the_token_is_in_no_argument_environment_or_file(
    origin: Origin, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = record_processes(tmp_path / "bin", monkeypatch)
    run.work()
    run.push()

    seen = log.read_text(errors="replace")
    assert " push " in seen
    assert "cat " in seen
    left = text_below(run.folder) + text_below(origin.folder)
    for form in FORMS:
        assert form not in seen
        assert form.encode() not in left
    assert files_below(run.scratch) == []


def test_the_token_is_in_no_process_while_git_waits(server: GitServer, run: Run) -> None:
    """GIVEN a push that hangs after it was authorised THEN /proc shows no token, and the file is private."""
    import threading

    if not Path("/proc/self/cmdline").exists():
        pytest.skip("needs /proc")
    run.work()
    server.faults.append(Fault("/git-receive-pack", "hang", times=1))
    failures: list[BaseException] = []

    def push() -> None:
        try:
            run.push()
        except StepherdError as error:
            failures.append(error)

    pushing = threading.Thread(target=push)
    pushing.start()
    while not any(path.endswith("/git-receive-pack") for _, path, _ in server.requests):
        pushing.join(0.01)
        assert pushing.is_alive()
    shown = b""
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                shown += (process / name).read_bytes()
            except OSError:
                continue
    files = {path.name: path for path in files_below(run.scratch)}
    mode = files["credential"].stat().st_mode & 0o777
    folder_mode = files["credential"].parent.stat().st_mode & 0o777
    config = files["gitconfig"].read_text()
    server.stopping.set()
    pushing.join()
    assert TOKEN.encode() not in shown
    assert b"receive-pack" in shown or b"push" in shown
    assert (mode, folder_mode) == (0o600, 0o700)
    assert TOKEN not in config
    assert files_below(run.scratch) == []


@pytest.mark.parametrize("action", ["500", "403", "401", "redirect", "cut"])
def test_the_token_is_in_no_error(server: GitServer, run: Run, action: str) -> None:
    location = f"{server.url}/{TOKEN}"
    server.faults.append(Fault("", action, times=99, location=location))  # type: ignore[arg-type]
    with pytest.raises(StepherdError) as caught:
        run.clone()
    chain: BaseException | None = caught.value
    while chain is not None:
        assert TOKEN not in f"{chain!r} {chain}"
        chain = chain.__cause__ or chain.__context__
    assert files_below(run.scratch) == []


def test_a_server_that_echoes_the_token_is_redacted() -> None:
    for form in FORMS:
        said = explain("x", "y", f"remote: you sent {form}", (TOKEN,)).message
        assert "***" in said
        assert "canary" not in said
        assert base64.b64encode(TOKEN.encode())[4:20].decode() not in said
    assert server_words("nothing here", (TOKEN, "")) == "nothing here"


@pytest.mark.parametrize("way", HIDDEN)
@pytest.mark.parametrize("form", written(TOKEN))
def test_it_is_redacted_however_the_server_writes_it(form: str, way: str) -> None:
    """Git begins every line of a server's with "remote:", also those that it was wrapped into."""
    broken = HIDDEN[way](written(TOKEN)[form])
    said = "".join(f"remote: {line}\n" for line in f"sent\n{broken}\n.".splitlines())
    shown = explain("Pushing", "y", said, (TOKEN,)).message
    assert "***" in shown
    middle = written(TOKEN)[form][6:-6].replace("\0", "")
    assert not [at for at in range(len(middle) - 8) if middle[at : at + 9] in shown.replace("; remote: ", "")]


def test_the_token_is_in_no_representation() -> None:
    credentials = GitCredentials(token=TOKEN, ssh_key=TOKEN)
    assert TOKEN not in repr(credentials)
    assert TOKEN not in str(credentials)


def test_a_failed_probe_leaves_no_file(server: GitServer, run: Run) -> None:
    server.faults.append(Fault("", "403", times=9))
    with pytest.raises(StepherdError):
        probe(run.repository, run.credentials, run.scratch)
    assert list(run.scratch.iterdir()) == []
