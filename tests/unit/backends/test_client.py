"""The words of a command when an engine answers an error, or does not answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from stepherd.backends.client import EngineGone, Refused, execution_arn, machine_arn, remote_call
from stepherd.engine.journal.lock import EngineAddress
from stepherd.errors import NotFoundError, StorageError

Answers = dict[str, Any]


@pytest.fixture
def engine() -> Iterator[Callable[[int, object], EngineAddress]]:
    """An engine that gives one answer, whatever it is asked."""
    servers: list[HTTPServer] = []

    def start(status: int, answer: object) -> EngineAddress:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return EngineAddress(f"http://127.0.0.1:{server.server_port}", "key", 42)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_answer_is_given_as_it_is(engine: Callable[[int, object], EngineAddress]) -> None:
    assert remote_call(engine(200, {"executions": []}))("ListExecutions", {}) == {"executions": []}


@pytest.mark.parametrize(
    ("status", "code", "message", "error"),
    [
        (
            400,
            "ExecutionDoesNotExist",
            f"Execution Does Not Exist: '{execution_arn('run_1')}'",
            NotFoundError,
        ),
        (400, "ExecutionAlreadyExists", "Execution Already Exists: 'x'", Refused),
        (400, "ServiceUnavailable", "The engine is closing.", EngineGone),
        (500, "InternalServerException", "The journal cannot be written: disk full.", StorageError),
    ],
)
def test_error_answers_become_errors_with_words(
    engine: Callable[[int, object], EngineAddress],
    status: int,
    code: str,
    message: str,
    error: type[Exception],
) -> None:
    answer = {"__type": f"com.amazonaws.swf.service.v2.model#{code}", "message": message}
    with pytest.raises(error) as raised:
        remote_call(engine(status, answer))("DescribeExecution", {"executionArn": execution_arn("run_1")})
    if error is NotFoundError:
        assert str(raised.value) == ("There is no run 'run_1' in this home. List the runs: stepherd list")


def test_an_engine_that_has_ended_is_told_from_one_that_answers_nonsense(
    engine: Callable[[int, object], EngineAddress],
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EngineGone, match="process 7 does not answer") as raised:
        remote_call(EngineAddress(f"http://127.0.0.1:{port}", "key", 7))("ListExecutions", {})
    assert "stepherd resume" in raised.value.remedy
    with pytest.raises(EngineGone):
        remote_call(engine(200, b"<html>"))("ListExecutions", {})


def test_arns_are_those_of_the_pipeline() -> None:
    assert execution_arn("run_1") == machine_arn().replace(":stateMachine:", ":execution:") + ":run_1"
