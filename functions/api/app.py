"""The HTTP API: every route of it, behind the authorizer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from stepherd.api.routes import respond
from stepherd.api.service import Service
from stepherd.telemetry import logger, metrics, observed

_service = cache(Service.open)
if "PIPELINE_ARN" in os.environ:
    _service()  # At init Lambda gives a whole processor, later 0.29 of one.


@observed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """``event``: API Gateway's, payload format 2.0, of a call that the authorizer let through."""
    outcome = respond(event, _service)
    status, fault = outcome.answer.status, outcome.error if outcome.answer.status >= 500 else None
    metrics.add_metric(name=f"Answers{status // 100}xx", unit="Count", value=1)
    log = logger.error if fault else logger.info
    log("Answered", exc_info=fault, **outcome.facts(event))
    return outcome.answer.to_event()
