"""The state ReportFailure: the report of a run that failed, and then the failure itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stepherd.telemetry import logger, observed

if TYPE_CHECKING:
    from stepherd.services.store import Store


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: {run_id, started, failure {state, error, cause, redrives}, redriven, request_digest}.

    A redriven run gets back {continue, run}: ``run`` and ``redrives`` of the event, as amended.
    The keep machine sends the same where it failed: no ``state``, and as ``error`` how the run was ended.
    """
    from stepherd.runs.folder import run_folder
    from stepherd.runs.reply import reply_report, reply_running
    from stepherd.runs.report import RunFailed, write_report
    from stepherd.services import open_store

    store = open_store(os.environ["STORE_URI"])
    if event["redriven"]:
        reply_running(store, event["run_id"])
        return {"continue": event["failure"]["state"], **_amended(store, event)}
    folder = run_folder(store, event["run_id"])
    # There is none when PrepareRun itself failed, or when an earlier version began the execution.
    known = {"started": event["started"], "request_digest": event.get("request_digest") or None}
    report = write_report(folder, event["run_id"], failure=event["failure"], **known)
    logger.warning(
        report.summary,
        branch=report.branch,
        reply=reply_report(store, folder, report, event["failure"]["error"]),
    )
    raise RunFailed(report.summary, remedy=f"Report: {folder.address_of('report.md')}")


def _amended(store: Store, event: Mapping[str, Any]) -> Mapping[str, Any]:
    from stepherd.runs.amendments import amended_run

    if "run" not in event:
        return {}  # Of a machine of an earlier version.
    database = os.environ.get("Q_DATABASE_S3_URI", "")
    return {"run": amended_run(store, event["run"], event["redrives"], login_database=database)}
