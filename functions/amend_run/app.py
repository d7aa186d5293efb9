"""The state AmendRun: what a person has changed in a run that is redriven where it was stopped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.telemetry import observed


@observed
def handler(event: Mapping[str, Any], _context: object) -> Mapping[str, Any]:
    """``event``: {run_id, run, request_digest, redrives}. Returns {run}."""
    from stepherd.runs.amendments import amended_run
    from stepherd.services.store.opening import open_store

    store, database = open_store(os.environ["STORE_URI"]), os.environ.get("Q_DATABASE_S3_URI", "")
    return {"run": amended_run(store, event["run"], event["redrives"], login_database=database)}
