"""The state ReportRun: the report of a run that succeeded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.runs.folder import run_folder
from stepherd.runs.reply import reply_report
from stepherd.runs.report import write_report
from stepherd.services.store.opening import open_store
from stepherd.telemetry import logger, observed


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: {run_id, started, request_digest}. Returns the execution's output: the outcome in short."""
    store = open_store(os.environ["STORE_URI"])
    folder = run_folder(store, event["run_id"]).listed()
    # An execution that an earlier version began carries no digest.
    digest = event.get("request_digest")
    report = write_report(folder, event["run_id"], started=event["started"], request_digest=digest)
    trouble = reply_report(store, folder, report)
    folder.forget_workspace()
    logger.info(report.summary, branch=report.branch, commit=report.commit, reply=trouble)
    return report.outline(folder)
