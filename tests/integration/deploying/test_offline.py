"""AWS that does not answer, or is not there: said within seconds, and in words."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.integration.deploying.conftest import ROOT

_COMMANDS = [
    pytest.param("init", "--yes", "--no-git", id="init"),
    pytest.param("destroy", "--force", "", id="destroy"),
    pytest.param("configure", "", "", id="configure"),
]


def _command(home: Path, port: int, *words: str) -> subprocess.Popen[str]:
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8", "STEPHERD_HOME": str(home / "own"),
        "PYTHONPATH": str(ROOT / "src"), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "stepherd.cli", *filter(None, words)],
        env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "first", "second"), _COMMANDS)
def test_a_person_hears_that_aws_does_not_answer(tmp_path: Path, name: str, first: str, second: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        _command(tmp_path, server.getsockname()[1], name, first, second) as process,
    ):
        assert process.stderr is not None
        # So that a command that says nothing fails the test instead of keeping it.
        patience = threading.Timer(40, process.kill)
        patience.start()
        line = process.stderr.readline()
        patience.cancel()
        process.kill()
    assert line == "Waiting for AWS (sts in eu-west-1) to answer …\n"


def test_without_a_network_the_command_ends_soon_and_says_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    begun = time.monotonic()
    with _command(tmp_path, port, "init", "--yes", "--no-git") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 69
    assert "the caller's identity cannot be reached" in err
    assert "then run: stepherd init --yes --no-git" in err
    # Two pauses of at most one and two seconds; the rest is starting Python on a busy machine.
    assert time.monotonic() - begun < 30
