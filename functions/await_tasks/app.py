"""The state AwaitTasks of the keep machine: whether the run's tasks have ended, and what they left."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.telemetry import observed


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event`` has the fields {run_id, execution}."""
    from stepherd.runs.folder import run_folder
    from stepherd.runs.kept import what_is_left
    from stepherd.services.aws.tasks import open_tasks
    from stepherd.services.step_functions.executions import open_executions
    from stepherd.services.store.opening import open_store

    folder = run_folder(open_store(os.environ["STORE_URI"]), event["run_id"])
    tasks, executions = open_tasks(os.environ["CLUSTER_ARN"]), open_executions()
    return what_is_left(event["run_id"], event["execution"], folder, tasks, executions)
