"""Opening a queue by a reference whose form says what serves it."""

from __future__ import annotations

from stepherd.errors import UsageError
from stepherd.services.queues.contract import Queue
from stepherd.services.queues.sqlite import SqliteQueue
from stepherd.services.queues.sqs import SqsQueue

__all__ = ["open_queue"]


def open_queue(reference: str) -> Queue:
    """Open a queue: an SQS queue URL, or ``sqlite:///path#name``, made when it is not there.

    Raises UsageError for any other form.
    """
    if reference.startswith("sqlite:"):
        return SqliteQueue.open(reference)
    if reference.startswith(("https://", "http://")):
        return SqsQueue.open(reference)
    raise UsageError(
        f"No queue is served under {reference!r}.",
        remedy="Name an SQS queue URL (https://sqs.…) or a local queue (sqlite:///path/of/file.db#name).",
    )
