"""InstructionsDropped, for what is uploaded to the inbox: starts a run, once, or says why it cannot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.runs.inbox import run_id_of
from stepherd.runs.inbox_events import dropped_objects
from stepherd.telemetry import logger, observed


def handler(event: Mapping[str, Any], context: object) -> None:
    """``event``: S3's, by EventBridge or as a notification. An upload that fails does not hold up others."""
    failures: list[Exception] = []
    for dropped in dropped_objects(event):
        try:
            _take({"run_id": run_id_of(dropped), "dropped": dropped}, context)
        except Exception as error:  # noqa: BLE001 - logged, and raised once the others had their turn
            logger.exception("An upload could not be taken", key=dropped.key)
            failures.append(error)
    if failures:
        raise failures[0]


@observed
def _take(event: Mapping[str, Any], _context: object) -> None:
    from stepherd.runs.inbox import Inbox
    from stepherd.services.step_functions.executions import open_executions
    from stepherd.services.store.opening import open_store
    from stepherd.services.store.uploads import open_uploads

    machine, dropped = os.environ["PIPELINE_ARN"], event["dropped"]
    defaults = {"repo": os.environ.get("DEFAULT_REPO"), "agent": os.environ.get("DEFAULT_AGENT")}
    inbox = Inbox(
        open_store(os.environ["STORE_URI"]),
        open_uploads(),
        lambda run_id, request: open_executions().start(machine, run_id, request),
        {name: value for name, value in defaults.items() if value},
    )
    outcome = inbox.take(dropped)
    logger.info("An upload was taken", outcome=outcome.kind, reason=outcome.reason, key=dropped.key)
