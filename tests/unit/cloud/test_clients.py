"""Clients of one command: soon done with a network that is not there, patient with what is busy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from stepherd.cloud import clients, waiting
from stepherd.cloud.clients import aws_client
from stepherd.errors import UnavailableError
from stepherd.services.aws.errors import translated


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    # A pause before another attempt is botocore's matter, and only costs time here.
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


def _attempts(client: Any) -> list[object]:
    seen: list[object] = []
    client.meta.events.register("before-send", lambda **_: seen.append(1))
    return seen


def test_an_endpoint_that_is_not_there_is_tried_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    client = aws_client("sts", "eu-west-1")
    seen = _attempts(client)
    words = "the caller's identity cannot be reached"
    with pytest.raises(UnavailableError, match=words), translated("the caller's identity"):
        client.get_caller_identity()
    assert len(seen) == 3
    # AND no attempt waits for long
    assert client.meta.config.connect_timeout <= 5


class _Busy(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = b"<ErrorResponse><Error><Code>Throttling</Code><Message>busy</Message></Error></ErrorResponse>"
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def busy() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Busy)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_is_busy_is_asked_ten_times(monkeypatch: pytest.MonkeyPatch, busy: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", busy)
    client = aws_client("sts", "eu-west-1")
    seen = _attempts(client)
    with pytest.raises(client.exceptions.ClientError):
        client.get_caller_identity()
    assert len(seen) == clients._ATTEMPTS == 10


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def _in_background(call: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        with suppress(Exception):  # No server answers; the words meanwhile are the matter.
            call()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_call_that_nobody_answers_is_told_of_once(monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent)
    monkeypatch.setattr(waiting, "_SILENT_SECONDS", 0.05)
    told: list[str] = []
    heard = threading.Event()

    def tell(line: str) -> None:
        told.append(line)
        heard.set()

    client = aws_client("sts", "eu-west-3")
    with waiting.telling_of_waits(tell):
        for _ in range(2):
            _in_background(client.get_caller_identity)
        assert heard.wait(20)
    assert told == ["Waiting for AWS (sts in eu-west-3) to answer …"]


def test_a_call_that_is_answered_is_not_told_of(monkeypatch: pytest.MonkeyPatch, busy: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", busy)
    told: list[str] = []
    client = aws_client("sts", "eu-west-2", 1)
    with waiting.telling_of_waits(told.append):
        with pytest.raises(client.exceptions.ClientError):
            client.get_caller_identity()
        timers = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
        assert [each for each in timers if not each.finished.is_set()] == []
    assert told == []
