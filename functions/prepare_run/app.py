"""The state PrepareRun: checks a request and freezes its instructions, before anything is paid for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from stepherd.runs.amendments import given_with_amendments
from stepherd.runs.prepare import check_images, prepare_run
from stepherd.runs.reply import reply_running
from stepherd.services.store.opening import open_store
from stepherd.telemetry import logger, observed


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: {run_id, request, redrives}. Returns the machine's facts; raises as ``prepare_run`` does."""
    store, run_id, request = open_store(os.environ["STORE_URI"]), event["run_id"], event["request"]
    database, agent = os.environ.get("Q_DATABASE_S3_URI", ""), os.environ.get("DEFAULT_AGENT", "")
    reply_running(store, run_id, request)
    check_images(os.environ.get("STEPHERD_IMAGES", ""))
    request = given_with_amendments(store, run_id, request, event.get("redrives", 0))
    facts = prepare_run(run_id, request, store, login_database=database, default_agent=agent)
    logger.info("The run is prepared", agent=facts["agent"], push=facts["push"])
    return facts
