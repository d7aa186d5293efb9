"""The contract of every queue, local and SQS alike."""

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import boto3
import pytest

from stepherd.errors import ConfigurationError, DataError, NotFoundError, UsageError
from stepherd.services.queues.contract import Queue, ReceiptExpired
from stepherd.services.queues.opening import open_queue

pytestmark = pytest.mark.exhaustive

type_of_queue = pytest.mark.parametrize("queue", ["sqlite", "sqs", "sqs.fifo"], indirect=True)
ordered = pytest.mark.parametrize("queue", ["sqlite", "sqs.fifo"], indirect=True)


@pytest.fixture
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Queue:
    if request.param == "sqlite":
        return open_queue(f"sqlite://{tmp_path}/queues.db#input")
    request.getfixturevalue("aws")
    fifo = {"FifoQueue": "true"} if request.param.endswith("fifo") else {}
    name = "input.fifo" if fifo else "input"
    return open_queue(boto3.client("sqs").create_queue(QueueName=name, Attributes=fifo)["QueueUrl"])


@type_of_queue
def test_a_message_is_delivered_until_it_is_deleted(queue: Queue) -> None:
    identifier = queue.send('{"text": "grüß"}')
    (message,) = queue.receive(visibility_seconds=0)
    assert (message.id, message.body, message.attempts) == (identifier, '{"text": "grüß"}', 1)
    assert message.sent.tzinfo is UTC
    (again,) = queue.receive()
    assert (again.id, again.attempts) == (identifier, 2)
    queue.delete(again.receipt)
    queue.delete(again.receipt)
    assert queue.receive() == []


@type_of_queue
def test_a_message_that_somebody_has_is_hidden_from_others(queue: Queue) -> None:
    queue.send("a")
    (message,) = queue.receive(visibility_seconds=600)
    assert queue.receive() == []
    queue.extend(message.receipt, 900)
    assert queue.receive() == []
    queue.extend(message.receipt, 0)
    assert [again.id for again in queue.receive()] == [message.id]


@type_of_queue
def test_several_messages_come_at_once(queue: Queue) -> None:
    for number in range(12):
        queue.send(str(number), group=str(number))
    first, second = queue.receive(max_messages=10), queue.receive(max_messages=10)
    assert sorted(int(message.body) for message in first + second) == list(range(12))


@type_of_queue
@pytest.mark.parametrize("body", ["", "x" * 1_048_577, "é" * 524_289], ids=["empty", "long", "wide"])
def test_a_body_that_no_queue_carries_is_refused(queue: Queue, body: str) -> None:
    with pytest.raises(DataError, match="bytes"):
        queue.send(body)


@type_of_queue
def test_numbers_that_no_queue_serves_are_refused(queue: Queue) -> None:
    calls: list[Callable[[], object]] = [
        lambda: queue.receive(max_messages=0),
        lambda: queue.receive(max_messages=11),
        lambda: queue.receive(visibility_seconds=-1),
        lambda: queue.extend("x", 43_201),
    ]
    for call in calls:
        with pytest.raises(UsageError):
            call()


@type_of_queue
def test_a_receipt_that_never_was_cannot_be_extended(queue: Queue) -> None:
    with pytest.raises(ReceiptExpired):
        queue.extend("1.never", 10)


@ordered
def test_one_group_is_delivered_in_order_and_one_at_a_time(queue: Queue) -> None:
    for body in ("a1", "a2"):
        queue.send(body, group="a")
    queue.send("b1", group="b")
    (first,) = queue.receive()
    assert first.body == "a1"
    assert first.group == "a"
    assert [message.body for message in queue.receive(max_messages=10)] == ["b1"]
    queue.delete(first.receipt)
    assert [message.body for message in queue.receive(max_messages=10)] == ["a2"]


@ordered
def test_a_duplicate_is_taken_for_the_first(queue: Queue) -> None:
    for body, deduplication_id in (("a", "d1"), ("a", "d1"), ("b", "d2")):
        queue.send(body, group="g", deduplication_id=deduplication_id)
    assert [message.body for message in queue.receive(max_messages=10)] == ["a", "b"]


@pytest.mark.parametrize("queue", ["sqs"], indirect=True)
def test_a_standard_queue_refuses_what_it_cannot_do(queue: Queue) -> None:
    with pytest.raises(ConfigurationError, match="FIFO"):
        queue.send("a", deduplication_id="d")


def test_a_queue_that_is_not_there_is_named(aws: None) -> None:
    queue = open_queue("https://sqs.eu-west-1.amazonaws.com/123456789012/absent")
    for call in (lambda: queue.send("a"), lambda: queue.receive(), lambda: queue.delete("x")):
        with pytest.raises(NotFoundError, match="absent"):
            call()
