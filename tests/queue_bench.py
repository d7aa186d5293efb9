"""The run queue as the template makes it, and the part of Lambda that reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.inbox_bench import ROOT, Context, load_handler

from stepherd.services.template_text import read_template

__all__ = ["QueueBench"]


@dataclass
class QueueBench:
    """The two queues, and the function between them and the runs."""

    sqs: Any
    url: str
    dead: str
    tries: int
    handler: Callable[[Mapping[str, Any], Any], Any]

    @classmethod
    def made(cls, sqs: Any) -> QueueBench:
        resources = read_template((ROOT / "template.yaml").read_text(), "template.yaml")["Resources"]
        tries = resources["RunQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
        dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": tries})
        attributes = {"RedrivePolicy": redrive, "VisibilityTimeout": "360"}
        url = sqs.create_queue(QueueName="runs", Attributes=attributes)["QueueUrl"]
        return cls(sqs, url, dead, tries, load_handler("request_queued"))

    def send(self, body: object, key: str = "") -> None:
        """A message; what is no text becomes JSON."""
        named = {"IdempotencyKey": {"DataType": "String", "StringValue": key}} if key else {}
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.url, MessageBody=text, MessageAttributes=named)

    def receive(self) -> list[dict[str, Any]]:
        """A batch, as it is taken from the queue."""
        names = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, **names)
        return list(answer.get("Messages", []))

    def invoke(self, batch: list[dict[str, Any]]) -> set[str]:
        """Hand a batch to the function; the ids of those that it wants again."""
        answer = self.handler({"Records": [_record(message) for message in batch]}, Context())
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}

    def deliver(self) -> int:
        """A batch from end to end: what was taken is deleted, the rest comes again. How many there were."""
        batch = self.receive()
        failed = self.invoke(batch) if batch else set()
        for message in batch:
            if message["MessageId"] in failed:
                self.expire(message)
            else:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return len(batch)

    def expire(self, *batch: dict[str, Any]) -> None:
        """Let the visibility time of messages be over."""
        for message in batch:
            receipt = message["ReceiptHandle"]
            self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=0)

    def dead_letters(self) -> list[str]:
        """The bodies of the dead letters."""
        answer = self.sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]


def _record(message: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {
        name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:runs",
        "awsRegion": "eu-west-1",
    }
