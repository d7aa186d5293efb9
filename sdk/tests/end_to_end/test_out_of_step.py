"""A connection on which answers and questions got out of step."""

from __future__ import annotations

from typing import Any

import pytest

from amazon_q_streaming_client import ClientOptions, QStreamingClientSync, RetryPolicy, collect_sync
from asking import ONCE, ask_times
from frames import text
from loopback import Loopback, Reply, Request


def answer(content: str) -> bytes:
    body = text(content)
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize("blocking", [False, True])
def test_an_answer_that_came_before_its_question_is_not_taken_for_one(
    server: Loopback, blocking: bool
) -> None:
    """GIVEN a server of HTTP/1.1 that answers a question twice, THEN nobody gets the second answer."""

    async def handler(_: Request, reply: Reply) -> None:
        wire: Any = reply.wire
        reply.ended = True
        wire.writer.write(answer("well") + (answer("of another") if len(server.requests) == 1 else b""))
        await wire.writer.drain()

    server.handler = handler
    chosen: ClientOptions = {
        "access_token": "tok",
        "endpoint": server.url,
        "retry": RetryPolicy(attempts=2, base_delay=0),
    }
    assert ask_times(chosen, 6, blocking=blocking) == ["well"] * 6
    assert server.accepted == 2


def test_a_connection_to_another_host_is_in_step(server: Loopback) -> None:
    """GIVEN one connection for two hosts, THEN each call opens it anew, and has its answer."""

    async def at_once(_: Request, reply: Reply) -> None:
        wire: Any = reply.wire
        reply.ended = True
        wire.writer.write(answer("well"))
        await wire.writer.drain()

    with (
        Loopback(handler=at_once) as other,
        QStreamingClientSync(
            access_token="tok", endpoint=server.url, retry=ONCE, max_connections=1
        ) as client,
    ):
        server.handler = at_once
        elsewhere = client.with_options(endpoint=other.url)
        for asked in (client, elsewhere) * 3:
            assert collect_sync(asked.generate_assistant_response("q")).text == "well"
        assert server.accepted == other.accepted == 3
