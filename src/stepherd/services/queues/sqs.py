"""Queues of Amazon SQS, standard and FIFO."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from stepherd.errors import ConfigurationError, UsageError
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import aws_error, error_code, is_from_aws, is_refusal, translated
from stepherd.services.queues.contract import (
    Message,
    ReceiptExpired,
    check_body,
    check_receive,
    check_visibility,
)

__all__ = ["SqsQueue"]

_LONGEST_POLL = 20  # seconds, SQS's limit
_EXPIRED = {"ReceiptHandleIsInvalid", "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"}
_ONE_GROUP = "all"


@dataclass(frozen=True, slots=True)
class SqsQueue:
    """One queue, by its URL."""

    client: Any
    url: str

    @classmethod
    def open(cls, reference: str) -> SqsQueue:
        """The queue of an SQS queue URL. Raises UsageError, ConfigurationError."""
        parts = urlsplit(reference)
        if not parts.hostname or parts.username or parts.query or parts.fragment or parts.path.count("/") < 2:
            raise UsageError(
                "The queue reference is not the URL of an SQS queue.",
                remedy="Write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.",
            )
        return cls(new_client("sqs", region=_region(parts.hostname)), reference)

    @property
    def ordered(self) -> bool:
        """Whether it is a FIFO queue, which the name tells."""
        return self.url.endswith(".fifo")

    def send(self, body: str, *, group: str | None = None, deduplication_id: str | None = None) -> str:
        """Add a message and return its id. See Queue.send.

        A FIFO queue takes messages without a group as one group. A standard queue cannot tell
        duplicates: a ``deduplication_id`` raises ConfigurationError there.
        """
        request = {"QueueUrl": self.url, "MessageBody": check_body(body)}
        if self.ordered:
            request["MessageGroupId"] = group or _ONE_GROUP
            request["MessageDeduplicationId"] = deduplication_id or os.urandom(16).hex()
        elif deduplication_id is not None:
            raise ConfigurationError(
                f"The standard queue {self.url} cannot tell duplicates.",
                remedy="Use a FIFO queue (NAME.fifo).",
            )
        elif group is not None:
            request["MessageGroupId"] = group
        with translated(self.url):
            return str(self.client.send_message(**request)["MessageId"])

    def receive(
        self, wait_seconds: float = 0, max_messages: int = 1, *, visibility_seconds: int = 30
    ) -> list[Message]:
        """Take messages, waiting for the first by SQS's long poll. See Queue.receive."""
        check_receive(max_messages, visibility_seconds)
        deadline = time.monotonic() + wait_seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            with translated(self.url):
                answer = self.client.receive_message(
                    QueueUrl=self.url,
                    MaxNumberOfMessages=max_messages,
                    VisibilityTimeout=visibility_seconds,
                    WaitTimeSeconds=min(_LONGEST_POLL, math.ceil(left)),
                    MessageSystemAttributeNames=["All"],
                )
            messages = [_message(found) for found in answer.get("Messages", ())]
            if messages or time.monotonic() >= deadline:
                return messages

    def extend(self, receipt: str, visibility_seconds: int) -> None:
        """Keep a message hidden from now on. See Queue.extend."""
        check_visibility(visibility_seconds)
        try:
            self.client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt, VisibilityTimeout=visibility_seconds
            )
        except Exception as error:
            if is_from_aws(error):
                raise self._receipt_error(error) from error
            raise

    def delete(self, receipt: str) -> None:
        """Say that a message is done with. See Queue.delete."""
        try:
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)
        except Exception as error:
            if is_from_aws(error):
                raise self._receipt_error(error) from error
            raise

    def _receipt_error(self, error: Exception) -> Exception:
        if is_refusal(error):
            late = error_code(error) == "InvalidParameterValue" and "expired" in str(
                error
            )  # FIFO queues say so
            if late or error_code(error) in _EXPIRED:
                return ReceiptExpired()
        return aws_error(error, self.url)


def _region(host: str) -> str | None:
    """The region in a host such as sqs.eu-west-1.amazonaws.com; None leaves it to the settings."""
    labels = host.split(".")
    return labels[1] if labels[0] == "sqs" and len(labels) > 3 else None


def _message(found: dict[str, Any]) -> Message:
    attributes = found.get("Attributes", {})
    return Message(
        id=found["MessageId"],
        body=found["Body"],
        receipt=found["ReceiptHandle"],
        attempts=int(attributes.get("ApproximateReceiveCount", 1)),
        sent=datetime.fromtimestamp(int(attributes.get("SentTimestamp", 0)) / 1000, UTC),
        group=attributes.get("MessageGroupId"),
    )
