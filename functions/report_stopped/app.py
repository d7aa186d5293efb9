"""The state ReportStopped of the keep machine: the report of a run that was ended from outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.telemetry import logger, observed


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: {run_id, execution, started, failure {error, cause, redrives}, request_digest}."""
    from stepherd.runs.folder import run_folder
    from stepherd.runs.reply import reply_report
    from stepherd.runs.report import write_report
    from stepherd.services.step_functions.executions import open_executions
    from stepherd.services.store.opening import open_store

    if open_executions().is_running(event["execution"]):
        return {"redriven": True}  # Its own report comes.
    store = open_store(os.environ["STORE_URI"])
    folder = run_folder(store, event["run_id"]).listed()
    known = {"started": event["started"], "request_digest": event["request_digest"] or None}
    report = write_report(folder, event["run_id"], failure=event["failure"], **known)
    ended = event["failure"]["error"]
    logger.warning(report.summary, branch=report.branch, reply=reply_report(store, folder, report, ended))
    return {**report.outline(folder), "partial": report.partial}
