"""The answer of a function: one for each invocation, from its own worker and no one else."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.listening import Listener, listening_sockets

from stepherd.engine.interpreter.failures import TaskError
from stepherd.engine.runners.forking import ForkServer
from stepherd.engine.runners.function_channel import packed, receive, receive_from
from stepherd.engine.runners.functions import Function, FunctionPool, _Worker

FUNCTION = """
import os, socket, time
from stepherd.engine.runners.function_channel import send
def channel():
    for number in map(int, os.listdir('/proc/self/fd')):
        try:
            found = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        if found.family == socket.AF_UNIX and found.fileno() > 2:
            return found
def handle(event, context):
    if event == 'pid':
        return os.getpid()
    if event == 'empty input':
        return os.read(0, 10).decode()
    if event == 'environment':
        return {'own': open('/proc/self/environ').read(), 'told': os.environ['SECRET']}
    if event == 'too much':
        return 'x' * 7_000_000
    if event == 'nearly':
        return 'x' * 6_291_554
    if event == 'bytes':
        return b'{"raw": 1}'
    if event == 'children':
        import subprocess
        words = ['ls', '-l', '/proc/self/fd']
        return subprocess.run(words, capture_output=True, text=True, close_fds=False).stdout
    if isinstance(event, dict):
        for message in event['says']:
            send(channel(), {'id': context.aws_request_id, **message})
    return 'true answer'
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(FUNCTION)
    (tmp_path / "code" / "broken.py").write_text("raise KeyError('cannot begin')\n")
    (tmp_path / "code" / "loaded_first.py").write_text("import json\n")
    return tmp_path / "code"


@pytest.fixture(params=["forked", "started"])
def forks(request: pytest.FixtureRequest, code: Path) -> Iterator[ForkServer | None]:
    if request.param == "started":
        yield None
        return
    if sys.platform != "linux":
        pytest.skip("elsewhere nothing is forked")
    path = os.pathsep.join([str(code), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = ForkServer((), "loaded_first", {"PYTHONPATH": path}, code)
    server.start()
    yield server
    server.close()


def answers(code: Path, forks: ForkServer | None, *events: Any, handler: str = "app.handle") -> list[Any]:
    """The function's answers, one event after the other: a value, or the TaskError."""
    function = Function("f", code, handler, {"SECRET": "canary-9f3"}, timeout=20, arn="arn:f")

    async def one(pool: FunctionPool, event: Any) -> Any:
        try:
            return json.loads(await pool.invoke(function, json.dumps(event)))
        except TaskError as error:
            return error

    async def scenario() -> list[Any]:
        pool = FunctionPool([function], {}, code / "logs", forks)
        try:
            return [await one(pool, event) for event in events]
        finally:
            await pool.close()

    return asyncio.run(scenario())


def says(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"says": [{"kind": "response", "body": '"forged"', **message} for message in messages]}


def test_an_answer_to_another_invocation_is_none(code: Path, forks: ForkServer | None) -> None:
    """GIVEN answers of every kind with ids that are not the invocation's, THEN only its own counts."""
    others = says(
        {"id": "x"}, {"id": ""}, {"id": None}, {"id": "x", "kind": "error"}, {"body": 1}, {"kind": "?"}
    )
    assert answers(code, forks, others, "again") == ["true answer", "true answer"]


def test_an_invocation_is_answered_once(code: Path, forks: ForkServer | None) -> None:
    """GIVEN an invocation that answers twice and then ends, THEN the first counts, for it alone."""
    before, forged, *later, after = answers(
        code, forks, "pid", says({}, {"body": '"second"'}), "next", "next", "pid"
    )
    assert [forged, *later] == ["forged", "true answer", "true answer"]
    assert after == before, "the same worker"


def test_a_worker_s_environment_is_in_no_file_that_the_system_shows(
    code: Path, forks: ForkServer | None
) -> None:
    [seen] = answers(code, forks, "environment")
    assert seen["told"] == "canary-9f3"
    assert "canary-9f3" not in seen["own"]


def test_what_a_function_starts_does_not_get_its_sockets(code: Path, forks: ForkServer | None) -> None:
    [listed, read] = answers(code, forks, "children", "empty input")
    assert "socket:" not in listed
    assert read == ""


@pytest.mark.parametrize(
    ("event", "length"), [("nearly", 6_291_554), ("too much", None)], ids=["at the limit", "above it"]
)
def test_an_answer_is_bounded_as_lambda_bounds_it(
    event: str, length: int | None, code: Path, forks: ForkServer | None
) -> None:
    [answer, after] = answers(code, forks, event, "bytes")
    if length:
        assert answer == "x" * length
    else:
        assert (answer.error, "6291556 bytes" in answer.cause) == ("Function.ResponseSizeTooLarge", True)
    assert after == {"raw": 1}


def test_a_handler_that_cannot_be_loaded_says_why(code: Path, forks: ForkServer | None) -> None:
    for handler, error in (("broken.handle", "KeyError"), ("absent.handle", "Runtime.ImportModuleError"),
                           ("app.nothing", "Runtime.HandlerNotFound")):  # fmt: skip
        [failed] = answers(code, forks, "x", handler=handler)
        assert failed.error == error


@pytest.mark.skipif(sys.platform != "linux", reason="looked up in /proc")
def test_a_worker_opens_nothing_to_connect_to(code: Path, forks: ForkServer | None) -> None:
    """GIVEN a worker that waits for its event, THEN it and the engine listen nowhere."""
    seen: list[Listener] = []

    async def scenario() -> None:
        function = Function("f", code, "app.handle", {"SECRET": ""}, timeout=20)
        pool = FunctionPool([function], {}, code / "logs", forks)
        await pool.invoke(function, '"x"')
        [worker] = pool._all
        pid = worker._process._begun()
        assert pid
        seen.extend(listening_sockets({pid, os.getpid()}))
        await pool.close()

    before = listening_sockets({os.getpid()})
    asyncio.run(scenario())
    assert set(seen) == set(before)


@given(st.binary(max_size=64) | st.dictionaries(st.text(max_size=6), st.none() | st.integers() | st.text()))
def test_whatever_a_worker_says_the_engine_stands_and_no_answer_comes_of_it(said: Any) -> None:
    """Property: no message of a worker's but the answer to the request under way is taken for one."""
    raw = said if isinstance(said, bytes) else packed(said)

    async def scenario() -> tuple[bool, str | None]:
        worker = _Worker.__new__(_Worker)
        worker._request, worker._init_error = "under way", None
        worker._answer = asyncio.get_running_loop().create_future()
        stream = asyncio.StreamReader()
        stream.feed_data(raw)
        stream.feed_eof()
        while (message := await receive_from(stream)) is not None:
            worker._take(message)
        return worker._answer.done(), worker._init_error

    assert asyncio.run(scenario())[0] is False


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.floats(allow_nan=False)))
def test_a_message_comes_out_as_it_went_in(message: dict[str, Any]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(packed(message))
        ours.shutdown(socket.SHUT_WR)
        assert receive(theirs) == message
        assert receive(theirs) is None
