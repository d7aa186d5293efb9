"""RequestQueued, for the messages of the run queue: each starts a run, once, or goes back to the queue."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from stepherd.api.messages import Message, start_queued
from stepherd.errors import UsageError
from stepherd.telemetry import logger, observed

if TYPE_CHECKING:
    from stepherd.services.step_functions.executions import Executions
    from stepherd.services.store.contract import Store


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """``event``: a batch of SQS. The answer names those that should be delivered again; others are done."""
    failed: list[dict[str, str]] = []
    for message in map(Message.from_record, event["Records"]):
        try:
            _take({"run_id": message.run_id, "message": message}, context)
        except Exception as error:  # noqa: BLE001 - logged, and delivered again or kept as a dead letter
            facts = {"message_id": message.id, "deliveries": message.deliveries, "reason": str(error)}
            logger.error("A message could not be taken", exc_info=not isinstance(error, UsageError), **facts)
            failed.append({"itemIdentifier": message.id})
    return {"batchItemFailures": failed}


@observed
def _take(event: Mapping[str, Any], _context: object) -> None:
    message, machine = event["message"], os.environ["PIPELINE_ARN"]
    store, executions = _services()
    started = start_queued(message, store, partial(executions.start, machine))
    logger.info("A message was taken", message_id=message.id, started=started)


@cache
def _services() -> tuple[Store, Executions]:
    """Opened once for all messages: to make clients takes longer than to start a run."""
    from stepherd.services.step_functions.executions import open_executions
    from stepherd.services.store.opening import open_store

    return open_store(os.environ["STORE_URI"]), open_executions()
