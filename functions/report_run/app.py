"""The state ReportRun: the report of a run that succeeded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.runs.folder import run_folder
from stepherd.runs.reply import reply_report
from stepherd.runs.report import write_report
from stepherd.services import open_store
from stepherd.telemetry import logger, observed


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: {run_id, started}. Returns the execution's output: the outcome without the long lists."""
    store = open_store(os.environ["STORE_URI"])
    folder = run_folder(store, event["run_id"])
    report = write_report(folder, event["run_id"], started=event["started"])
    trouble = reply_report(store, folder, report)
    folder.forget_workspace()
    logger.info(report.summary, branch=report.branch, commit=report.commit, reply=trouble)
    return report.outline(folder)
