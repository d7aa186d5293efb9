"""StopLeftOver, for every end of the pipeline: stops what is left, has the work kept, tells of the end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.runs.orphans import ended_of
from stepherd.telemetry import logger, observed


def handler(event: Mapping[str, Any], context: object) -> None:
    """``event``: EventBridge's "Step Functions Execution Status Change"."""
    ended = ended_of(event)
    _stop({"run_id": ended.run_id, "ended": ended}, context)


@observed
def _stop(event: Mapping[str, Any], _context: object) -> None:
    from stepherd.runs.kept import start_keeping
    from stepherd.runs.orphans import stop_orphans
    from stepherd.runs.reply import reply_end
    from stepherd.services.aws.tasks import open_tasks
    from stepherd.services.step_functions.executions import open_executions
    from stepherd.services.store.opening import open_store

    ended = event["ended"]
    executions = open_executions()
    left = stop_orphans(ended, open_tasks(os.environ["CLUSTER_ARN"]), executions)
    # After the stop: what is kept is what the tasks save when they are told to end.
    keeping = start_keeping(ended, os.environ.get("KEEP_MACHINE_ARN", ""), executions)
    if ended.status != "SUCCEEDED" and not left.redriven:
        store, started = open_store(os.environ["STORE_URI"]), ended.started.isoformat()
        reply_end(store, ended.run_id, ended.request, ended.status, started)
    logger.info(
        "The run has ended",
        status=ended.status,
        tasks=left.tasks,
        executions=left.executions,
        keeping=keeping,
    )
