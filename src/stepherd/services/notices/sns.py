"""Notices by an SNS topic: people get the text, subscribed functions and queues the machine part.

``MessageStructure: json`` gives each protocol a message of its own (SNS developer guide, "Publish
with platform-specific payloads"); mail and whatever is not named get the text alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepherd.errors import DataError, UsageError
from stepherd.services.aws.clients import new_client
from stepherd.services.aws.errors import translated
from stepherd.text.plain import one_paragraph, plain

__all__ = ["SnsNotices"]

_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?\Z")
_SUBJECT_CHARACTERS = 100
_MOST_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class SnsNotices:
    """Notices to the subscribers of a topic."""

    client: Any
    topic: str

    @classmethod
    def open(cls, reference: str) -> SnsNotices:
        """The channel of a standard topic's ARN. Raises UsageError, ConfigurationError."""
        topic = _TOPIC.match(reference)
        if not topic or topic[2]:
            raise UsageError(
                f"{reference!r} is not the ARN of a standard SNS topic.",
                remedy="Write arn:aws:sns:REGION:ACCOUNT:NAME; FIFO topics cannot send mail.",
            )
        return cls(new_client("sns", region=topic[1]), reference)

    def publish(self, subject: str, text: str, machine: Mapping[str, object] | None = None) -> str:
        """Send each subscriber what its protocol may see; return SNS's message id. See Notices.publish."""
        message = json.dumps(_by_protocol(plain(text), machine))
        if len(message.encode()) > _MOST_BYTES:
            raise DataError(
                f"A notice of {len(message.encode()):,} bytes is too large: SNS allows {_MOST_BYTES:,}."
            )
        with translated(self.topic):
            answer = self.client.publish(
                TopicArn=self.topic, Subject=_subject(subject), Message=message, MessageStructure="json"
            )
        return str(answer["MessageId"])


def _by_protocol(text: str, machine: Mapping[str, object] | None) -> dict[str, str]:
    messages = {"default": text, "email": text}
    if machine is not None:
        part = json.dumps(dict(machine))
        messages |= {"lambda": part, "sqs": part}
    return messages


def _subject(subject: str) -> str:
    """One line of at most 100 ASCII characters, as SNS demands, that starts with a visible one."""
    line = one_paragraph(subject, _SUBJECT_CHARACTERS).replace("…", "")
    return line.encode("ascii", "replace").decode() or "Stepherd"
