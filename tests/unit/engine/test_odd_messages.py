"""Messages with odd parameters fail their task or are sent; the engine has no fault of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.engine_bench import Bench, task

from stepherd.engine.integrations.messages import SqsIntegration
from stepherd.services.queues.opening import open_queue

URL = "https://sqs.us-east-1.amazonaws.com/000000000000/q"
ODD: list[Any] = [7, None, [1], {}, {"a": 1}, True, "", "x y", "\ud800"]


@pytest.mark.parametrize(
    "member", ["QueueUrl", "MessageBody", "MessageGroupId", "MessageDeduplicationId", "DelaySeconds"]
)
def test_no_parameter_of_a_message_is_a_fault_of_the_engine(tmp_path: Path, member: str) -> None:
    queue = f"sqlite://{tmp_path}/queues.sqlite3#q"

    async def work() -> None:
        async with Bench(tmp_path, {"sqs": SqsIntegration({URL: queue})}) as bench:
            for number, odd in enumerate(ODD):
                arguments = {"QueueUrl": URL, "MessageBody": "x", member: odd}
                done = await bench.run(
                    {"T": task("arn:aws:states:::sqs:sendMessage", Arguments=arguments)}, name=f"e{number}"
                )
                error = done.description.get("error")
                assert error is None or error.startswith("SQS."), done.description["cause"]

    asyncio.run(work())


def test_a_message_that_no_file_can_hold_is_sent_with_a_replacement(tmp_path: Path) -> None:
    queue = f"sqlite://{tmp_path}/queues.sqlite3#q"
    arguments = {"QueueUrl": URL, "MessageBody": "a\ud800b"}

    async def work() -> None:
        async with Bench(tmp_path, {"sqs": SqsIntegration({URL: queue})}) as bench:
            done = await bench.run({"T": task("arn:aws:states:::sqs:sendMessage", Arguments=arguments)})
            assert done.status == "SUCCEEDED"

    asyncio.run(work())
    [message] = open_queue(queue).receive()
    assert message.body == "a\ufffdb"
