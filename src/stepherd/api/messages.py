"""A message of the queue: what POST /executions takes, from a sender who waits for no answer.

SQS delivers at least once, in any order, and again when a delivery was not acknowledged in time. The run's id
comes from the message alone, so that Step Functions knows a second delivery by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stepherd.api.bodies import read_body, read_object
from stepherd.api.run_body import read_run_body
from stepherd.runs.ids import derived_run_id

if TYPE_CHECKING:
    from stepherd.services.store.contract import Store

__all__ = ["Message", "start_queued"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as Lambda hands it over."""

    id: str
    queue: str
    """The ARN of the message's queue."""
    body: str
    key: str
    """The sender's own: messages with the same one ask for the same run. Empty without one."""
    deliveries: int

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Message:
        """One of the ``Records`` of an event."""
        attribute = record.get("messageAttributes", {}).get("IdempotencyKey", {})
        return cls(
            record["messageId"],
            record["eventSourceARN"],
            record["body"],
            attribute.get("stringValue") or "",
            int(record["attributes"]["ApproximateReceiveCount"]),
        )

    @property
    def run_id(self) -> str:
        """The id of the run that the message starts: the same for every delivery of it."""
        named = ("key", self.key) if self.key else ("message", self.id)
        return derived_run_id("queue", self.queue, *named)


def start_queued(message: Message, store: Store, start: Callable[[str, Mapping[str, Any]], bool]) -> bool:
    """Start the run that ``message`` asks for; false when it was started before.

    ``start`` starts the execution of that name with that request, and is false when there is one already.
    Instructions on S3 are read by the run, whose report says what is wrong with them. Raises InvalidCall
    for a message that can never be taken, else what the services raise.
    """
    body = read_object(read_body(message.body, is_base64=False))
    run_body, run_id = read_run_body(body, store, allow_local=False), message.run_id
    run_body.bring(run_id)
    return start(run_id, run_body.request(run_id))
