"""Queues: messages stay until the receiver that took them deletes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stepherd.errors import DataError, NotFoundError, UsageError

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "MOST_BYTES",
    "MOST_MESSAGES",
    "MOST_VISIBILITY",
    "Message",
    "Queue",
    "ReceiptExpired",
    "check_body",
    "check_receive",
    "check_visibility",
]

MOST_BYTES = 1_048_576
"""The largest body in UTF-8, as in SQS."""
MOST_MESSAGES = 10
"""The most messages that one receive brings, as in SQS."""
MOST_VISIBILITY = 43_200
"""The longest that a message stays hidden, in seconds, as in SQS."""


class ReceiptExpired(NotFoundError):
    """The message was not deleted in time and belongs to whoever receives it next."""

    def __init__(self) -> None:
        super().__init__(
            "The message was held for longer than its visibility time and no longer belongs to this "
            "receiver.",
            remedy="Extend the visibility while working, or receive with a longer one.",
        )


@dataclass(frozen=True, slots=True)
class Message:
    """A message as one receiver holds it."""

    id: str
    body: str
    receipt: str
    """The argument of extend and delete; good for this delivery alone."""
    attempts: int
    """How many times it was delivered, this time included."""
    sent: datetime
    """With a time zone, UTC."""
    group: str | None = None


class Queue(Protocol):
    """A queue that delivers each message at least once.

    Every method raises CredentialsError when access is refused, TemporaryError when the same call can
    succeed later, NotFoundError when the queue is not there and StorageError when the disk fails.
    """

    def send(self, body: str, *, group: str | None = None, deduplication_id: str | None = None) -> str:
        """Add a message and return its id.

        Messages of one ``group`` are delivered in order and one delivery at a time. Within five
        minutes a second message with the same ``deduplication_id`` is taken for the first one.
        Raises DataError for a body above MOST_BYTES.
        """
        ...

    def receive(
        self, wait_seconds: float = 0, max_messages: int = 1, *, visibility_seconds: int = 30
    ) -> list[Message]:
        """Take up to ``max_messages`` (1 to 10), waiting ``wait_seconds`` for the first; maybe none.

        For ``visibility_seconds`` no one else gets them; after that they are delivered again.
        """
        ...

    def extend(self, receipt: str, visibility_seconds: int) -> None:
        """Keep a message hidden until ``visibility_seconds`` from now; 0 gives it back at once.

        Raises ReceiptExpired.
        """
        ...

    def delete(self, receipt: str) -> None:
        """Say that a message is done with; no error when it is gone already.

        Raises ReceiptExpired when it was delivered to somebody else meanwhile (SQS standard queues
        do not tell).
        """
        ...


def check_body(body: str) -> str:
    """Return ``body`` when a queue can carry it; DataError otherwise."""
    size = len(body.encode(errors="replace"))
    if not body or size > MOST_BYTES:
        raise DataError(
            f"A message of {size:,} bytes cannot be queued: 1 to {MOST_BYTES:,} are allowed.",
            remedy="Put the content in the store and queue its key.",
        )
    return body


def check_receive(max_messages: int, visibility_seconds: int) -> None:
    """Raise UsageError for a number of messages or a time that no queue serves."""
    if not 1 <= max_messages <= MOST_MESSAGES:
        raise UsageError(f"A receive returns 1 to {MOST_MESSAGES} messages, not {max_messages}.")
    check_visibility(visibility_seconds)


def check_visibility(visibility_seconds: int) -> None:
    """Raise UsageError for a time outside 0 to 43,200 seconds."""
    if not 0 <= visibility_seconds <= MOST_VISIBILITY:
        raise UsageError(
            f"A message is hidden for 0 to {MOST_VISIBILITY:,} seconds, not {visibility_seconds}."
        )
