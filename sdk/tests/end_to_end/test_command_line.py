"""The command line, run as a user runs it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amazon_q_streaming_client.__main__ import main
from frames import event, exception, raw_event, text
from loopback import Loopback, Reply, Request


async def good(request: Request, reply: Reply) -> None:
    await reply.stream(
        text("Hello \x1b[31m"),
        text(request.headers["authorization"]),
        event(
            "supplementaryWebLinksEvent", {"supplementaryWebLinks": [{"url": "https://w", "title": "W\x1b"}]}
        ),
        event(
            "codeReferenceEvent",
            {"references": [{"licenseName": "MIT", "repository": "r", "url": "https://r"}]},
        ),
    )


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMAZON_Q_ACCESS_TOKEN", "env-token")


ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/TEAM"


def program(folder: Path, script: str) -> None:
    path = folder / "stepherd"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_the_answer_is_printed_and_what_it_refers_to_goes_to_stderr(
    server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    server.handler = good
    assert main(["hi", "--endpoint", server.url, "--model", "m-1"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Hello \x1b[31mBearer env-token\n"
    assert printed.err == "Licensed code: MIT r https://r\nSee: W https://w\n"
    message = server.requests[0].members["conversationState"]["currentMessage"]["userInputMessage"]
    assert message == {"content": "hi", "modelId": "m-1", "origin": "CLI"}


def test_a_terminal_never_gets_control_sequences_of_an_answer(
    server: Loopback, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.handler = good
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["hi", "--endpoint", server.url]) == 0
    assert capsys.readouterr().out == "Hello [31mBearer env-token\n"


def test_json_prints_one_event_a_line(server: Loopback, capsys: pytest.CaptureFixture[str]) -> None:
    server.handler = good
    assert main(["hi", "--endpoint", server.url, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == {"event": "assistantResponseEvent", "data": {"content": "Bearer env-token"}}
    assert len(lines) == 4


def test_json_shows_what_is_in_an_unknown_event(server: Loopback, capsys: pytest.CaptureFixture[str]) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(
            event("noveltyEvent", {"a": 1}), event("emptyEvent", {}), raw_event("binaryEvent", b"\xff")
        )

    server.handler = handler
    assert main(["hi", "--endpoint", server.url, "--json"]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert json.loads(third)["data"]["payload"] == "/w=="
    assert json.loads(first) == {"event": "noveltyEvent", "data": {"a": 1}}
    assert json.loads(second) == {"event": "emptyEvent", "data": {}}


def test_the_question_may_come_from_standard_input(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    server.handler = good
    monkeypatch.setattr(sys, "stdin", io.StringIO("from a pipe"))
    assert main(["-", "--endpoint", server.url]) == 0
    assert "from a pipe" in server.requests[0].body.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["  "], 78, "empty"),
        (["x" * 600_001], 65, "at most 600000"),
        (["hi", "--region", "mars-1"], 78, "us-east-1"),
        (["hi", "--profile-arn", "x"], 78, "ARN of a profile"),
    ],
)
def test_arguments_that_cannot_work_are_told(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        ({"__type": "ValidationException", "message": "bad\x1b[2J"}, 400, 65),
        ({"__type": "AccessDeniedException"}, 403, 77),
        ({"__type": "ServiceQuotaExceededException"}, 402, 75),
        ({}, 302, 76),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(
    server: Loopback, capsys: pytest.CaptureFixture[str], document: Any, status: int, code: int
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.document(document, status)

    server.handler = handler
    assert main(["hi", "--endpoint", server.url]) == code
    printed = capsys.readouterr()
    assert re.match(r"error: (the service|127\.0\.0\.1:\d+) answered ", printed.err)
    assert "\x1b" not in printed.err


def test_a_failure_after_some_text_keeps_the_text(
    server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.stream(text("half an answer"), exception("throttlingException", {"message": "m"}))

    server.handler = handler
    assert main(["hi", "--endpoint", server.url]) == 75
    printed = capsys.readouterr()
    assert printed.out == "half an answer"
    assert "Wait a little" in printed.err


def test_without_a_token_variable_stepherd_is_run(
    server: Loopback, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AMAZON_Q_ACCESS_TOKEN", "")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    server.handler = good
    program(
        tmp_path,
        'test "$1" = export-token && echo warning >&2 && '
        'echo \'{"accessToken": "exported", "expiresAt": "2999-01-01T00:00:00Z", '
        '"tokenType": "EXTERNAL_IDP", '
        f'"profileArn": "{ARN}", "region": "eu-central-1", "service": "kiro"}}\'',
    )
    assert main(["hi", "--endpoint", server.url]) == 0
    assert "Bearer exported" in capsys.readouterr().out
    (request,) = server.requests
    assert request.members["profileArn"] == ARN
    assert request.headers["tokentype"] == "EXTERNAL_IDP"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'not logged in' >&2; exit 77", "failed (77): not logged in"),
        ('echo \'{"token": "secret"}\'', "printed no JSON with accessToken"),
        ("echo '[]'", "printed no JSON with accessToken"),
        ("echo secret", "printed no JSON with accessToken"),
    ],
)
def test_a_stepherd_that_gives_no_token_is_told(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    script: str,
    said: str,
) -> None:
    monkeypatch.delenv("AMAZON_Q_ACCESS_TOKEN")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program(tmp_path, script)
    assert main(["hi"]) == 77
    printed = capsys.readouterr()
    assert said in printed.err
    assert "secret" not in printed.err


def test_no_source_of_a_token_is_told_with_the_next_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AMAZON_Q_ACCESS_TOKEN")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["hi"]) == 77
    assert "q login" in capsys.readouterr().err
    broken = tmp_path / "stepherd"
    broken.write_bytes(b"\x7fELF broken")
    broken.chmod(0o700)
    assert main(["hi"]) == 77
    assert "did not run" in capsys.readouterr().err


def run(server: Loopback, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    environment = {"AMAZON_Q_ACCESS_TOKEN": "t", "PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-m", "amazon_q_streaming_client", *arguments, "--endpoint", server.url]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **options
    )


async def endless(_: Request, reply: Reply) -> None:
    await reply.head()
    while True:
        await reply.data(text("more "))
        await asyncio.sleep(0.001)


def test_an_interrupt_ends_it_quietly(server: Loopback) -> None:
    server.handler = endless
    with run(server, "hi") as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"more "
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 130
    server.wait_idle()


def test_a_reader_that_goes_away_ends_it_quietly(server: Loopback) -> None:
    server.handler = endless
    with run(server, "hi") as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"more "
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141
