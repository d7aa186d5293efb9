"""The command line in shells that close, fill or mistake its streams, and with the login of the CLI alone."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from amazon_q_streaming_client.__main__ import main
from frames import text
from loopback import Loopback, Reply, Request


async def greet(_: Request, reply: Reply) -> None:
    await reply.stream(text("Grüße"))


def shell(
    server: Loopback, redirection: str, question: str = "hi", given: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    server.handler = greet
    line = f'exec "$PYTHON" -m amazon_q_streaming_client "$QUESTION" --endpoint {server.url} {redirection}'
    source = str(Path(__file__).parents[2] / "src")
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "QUESTION": question,
        "PYTHONPATH": source,
        "AMAZON_Q_ACCESS_TOKEN": "tok",
        **variables,
    }
    return subprocess.run(
        ["sh", "-c", line], input=given, capture_output=True, timeout=60, check=False, env=environment
    )


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">/dev/full", 74, b"error: the answer cannot be written: No space left on device\n"),
        (">&-", 0, b""),
        ("2>&-", 0, b""),
        ("<&-", 0, b""),
    ],
)
def test_a_stream_that_is_closed_or_full_gives_no_traceback(
    server: Loopback, redirection: str, code: int, said: bytes
) -> None:
    ran = shell(server, redirection)
    assert (ran.returncode, ran.stderr) == (code, said)
    assert ran.stdout == (b"" if ">" in redirection and "2" not in redirection else "Grüße\n".encode())


def test_errors_do_not_go_where_the_answer_goes(server: Loopback) -> None:
    ran = shell(server, "2>&-", question=" ")
    assert (ran.returncode, ran.stdout) == (78, b"")


def test_a_question_from_nowhere_is_empty(server: Loopback) -> None:
    ran = shell(server, "<&-", question="-")
    assert (ran.returncode, ran.stderr) == (78, b"error: the question is empty\n")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_question_in_another_encoding_is_told(server: Loopback, encoding: str) -> None:
    ran = shell(server, "", question="-", given=b"caf\xe9", PYTHONIOENCODING=f"{encoding}:strict")
    assert ran.returncode == 65
    assert ran.stderr.splitlines()[0] == b"error: the question is not text in the encoding of this terminal"
    assert not server.requests


def test_an_argument_in_another_encoding_is_told(
    server: Loopback, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMAZON_Q_ACCESS_TOKEN", "tok")
    assert main(["caf\udce9", "--endpoint", server.url]) == 65
    assert "not text in the encoding" in capsys.readouterr().err


def test_output_that_lacks_a_character_shows_its_number(server: Loopback) -> None:
    ran = shell(server, "", PYTHONIOENCODING="ascii:strict")
    assert (ran.returncode, ran.stdout) == (0, rb"Gr\xfc\xdfe" + b"\n")


@pytest.mark.parametrize("folder", ["amazon-q", "kiro-cli"])
@pytest.mark.parametrize("stepherd", [None, "echo nobody is logged in >&2; exit 77"])
def test_the_login_of_the_cli_is_enough(
    server: Loopback,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    folder: str,
    stepherd: str | None,
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path))
    if stepherd is not None:
        (tmp_path / "stepherd").write_text(f"#!/bin/sh\n{stepherd}\n")
        (tmp_path / "stepherd").chmod(0o755)
    path = tmp_path / ".local" / "share" / folder / "data.sqlite3"
    path.parent.mkdir(parents=True)
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE auth_kv (key TEXT PRIMARY KEY, value TEXT)")
        row = json.dumps({"access_token": "from-the-cli", "expires_at": ends})
        db.execute("INSERT INTO auth_kv VALUES ('codewhisperer:odic:token', ?)", (row,))
    db.close()
    server.handler = greet
    assert main(["hi", "--endpoint", server.url]) == 0
    assert capsys.readouterr().out == "Grüße\n"
    assert server.requests[0].headers["authorization"] == "Bearer from-the-cli"
