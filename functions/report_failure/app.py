"""ReportFailure, of the pipeline and of keep: the report of a run that failed, and the failure itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.telemetry import logger, observed


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: {run_id, started, failure {error, cause, state}, redriven, redrives, run, request_digest}"""
    from stepherd.runs.amendments import after_redrive
    from stepherd.runs.folder import run_folder
    from stepherd.runs.reply import reply_report, reply_running
    from stepherd.runs.report import RunFailed, write_report
    from stepherd.services.store.opening import open_store

    store, failure = open_store(os.environ["STORE_URI"]), event["failure"]
    if event["redriven"]:
        reply_running(store, event["run_id"])
        return after_redrive(store, event, os.environ.get("Q_DATABASE_S3_URI", ""))
    folder = run_folder(store, event["run_id"]).listed()
    # There is none when PrepareRun itself failed, or when an earlier version began the execution.
    known = {"started": event["started"], "request_digest": event.get("request_digest") or None}
    report = write_report(folder, event["run_id"], failure=failure, **known)
    logger.warning(report.summary, reply=reply_report(store, folder, report, failure["error"]))
    raise RunFailed(report.summary, remedy=f"Report: {folder.address_of('report.md')}")
